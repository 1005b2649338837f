import Runtime

/// Proposals by kind.
struct ProposalMetrics: Sendable {
  let all: Counter
  let normal: Counter
  let batched: Counter
  let readIndex: Counter
  let localRead: Counter
  let confChange: Counter
  let transferLeader: Counter
  let split: Counter
  let prepareMerge: Counter
  let commitMerge: Counter

  init(_ metrics: Metrics) {
    func counter(_ kind: String) -> Counter {
      metrics.counter(
        "tikv_raftstore_proposal_total", "Proposals by kind", labels: [("type", kind)])
    }
    all = counter("all")
    normal = counter("normal")
    batched = counter("batch")
    readIndex = counter("read_index")
    localRead = counter("local_read")
    confChange = counter("conf_change")
    transferLeader = counter("transfer_leader")
    split = counter("split")
    prepareMerge = counter("prepare_merge")
    commitMerge = counter("commit_merge")
  }
}

/// Raft messages that were dropped, by reason.
struct DroppedMessageMetrics: Sendable {
  let wrongStore: Counter
  let stale: Counter
  let overlap: Counter
  let noVote: Counter
  let noPeer: Counter
  let invalid: Counter
  let tooManyPeers: Counter

  init(_ metrics: Metrics) {
    func counter(_ reason: String) -> Counter {
      metrics.counter(
        "tikv_raftstore_raft_dropped_message_total", "Raft messages dropped, by reason",
        labels: [("type", reason)])
    }
    wrongStore = counter("mismatch_store_id")
    stale = counter("stale_msg")
    overlap = counter("region_overlap")
    noVote = counter("vote_after_start")
    noPeer = counter("region_nonexistent")
    invalid = counter("invalid")
    tooManyPeers = counter("too_many_uninitialized")
  }
}

/// Damaged replicas and the checks that find them.
struct DamageMetrics: Sendable {
  let found: Counter
  let checks: Counter
  let mismatches: Counter
  let undecided: Counter

  init(_ metrics: Metrics) {
    found = metrics.counter(
      "apus_raftstore_damaged_peer_total", "Times a peer's log or data was found damaged")
    checks = metrics.counter(
      "apus_raftstore_consistency_check_total", "Consistency checks begun by leaders")
    mismatches = metrics.counter(
      "apus_raftstore_consistency_mismatch_total", "Peers whose data differed from the majority's")
    undecided = metrics.counter(
      "apus_raftstore_consistency_undecided_total",
      "Consistency checks in which no majority of replicas had the same data")
  }
}

/// Metrics of the raft workers, under TiKV's names. Created once per store.
struct RaftMetrics: Sendable {
  let proposals: ProposalMetrics
  let dropped: DroppedMessageMetrics
  let sentMessages: Counter
  let removalsSuspected: Counter
  let removalsRefuted: Counter
  let invalidProposals: Counter
  let leaderChanges: Counter
  let readySeconds: Histogram
  let commitSeconds: Histogram
  let leaders: Gauge
  let regions: Gauge
  let leaderMissing: Gauge
  let snapshotFailures: Counter
  let diskFull: Gauge
  let splits: Counter
  let refusedChildren: Counter
  let merges: Counter
  let mergesRolledBack: Counter
  let ticking: Gauge
  let silentStores: Counter
  let damage: DamageMetrics

  init(_ metrics: Metrics) {
    func region(_ kind: String) -> Gauge {
      metrics.gauge(
        "tikv_raftstore_region_count", "Regions on this store", labels: [("type", kind)])
    }
    proposals = ProposalMetrics(metrics)
    dropped = DroppedMessageMetrics(metrics)
    damage = DamageMetrics(metrics)
    sentMessages = metrics.counter(
      "tikv_raftstore_raft_sent_message_total", "Raft messages passed to the transport")
    removalsSuspected = metrics.counter(
      "apus_raft_removal_suspected_total",
      "Messages by which a peer with data would not be a member any more")
    removalsRefuted = metrics.counter(
      "apus_raft_removal_refuted_total",
      "Removals named by messages that the placement driver did not confirm")
    invalidProposals = metrics.counter(
      "tikv_raftstore_raft_invalid_proposal_total", "Requests refused before they were proposed")
    leaderChanges = metrics.counter(
      "tikv_raftstore_leader_changes_total", "Times a peer became or ceased to be a leader")
    readySeconds = metrics.histogram(
      "tikv_raftstore_raft_process_duration_secs", "Time of one round of a raft worker",
      labels: [("type", "ready")])
    commitSeconds = metrics.histogram(
      "tikv_raftstore_commit_log_duration_seconds", "Time from proposing to committing")
    leaders = region("leader")
    regions = region("region")
    leaderMissing = metrics.gauge(
      "tikv_raftstore_leader_missing",
      "Peers without a leader for longer than max-leader-missing-duration")
    snapshotFailures = metrics.counter(
      "tikv_raftstore_snapshot_failure_total", "Snapshots that could not be generated or applied")
    diskFull = metrics.gauge(
      "apus_store_disk_full", "1 while writes are refused because the disk is full")
    splits = metrics.counter(
      "apus_raftstore_region_split_total", "Splits applied by peers of this store")
    refusedChildren = metrics.counter(
      "apus_raftstore_split_child_refused_total",
      "Regions created by splits that this store did not take over, because it had a peer of them")
    merges = metrics.counter(
      "apus_raftstore_region_merge_total", "Merges by which a region of this store grew")
    mergesRolledBack = metrics.counter(
      "apus_raftstore_region_merge_rollback_total", "Prepared merges that came to nothing")
    ticking = metrics.gauge(
      "tikv_raftstore_hibernated_peer_state", "Peers that are not hibernated",
      labels: [("state", "awaken")])
    silentStores = metrics.counter(
      "apus_raftstore_store_silent_total",
      "Times a store became silent on which hibernated regions have their leaders")
  }
}
