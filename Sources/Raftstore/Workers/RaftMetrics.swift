import Runtime

/// Metrics of the raft workers, under TiKV's names. Created once per store.
struct RaftMetrics: Sendable {
  let proposalsAll: Counter
  let proposalsNormal: Counter
  let proposalsBatched: Counter
  let proposalsReadIndex: Counter
  let proposalsLocalRead: Counter
  let proposalsConfChange: Counter
  let proposalsTransferLeader: Counter
  let sentMessages: Counter
  let droppedWrongStore: Counter
  let droppedStale: Counter
  let droppedOverlap: Counter
  let droppedNoVote: Counter
  let droppedNoPeer: Counter
  let droppedInvalid: Counter
  let droppedTooManyPeers: Counter
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

  init(_ metrics: Metrics) {
    func proposal(_ kind: String) -> Counter {
      metrics.counter(
        "tikv_raftstore_proposal_total", "Proposals by kind", labels: [("type", kind)])
    }
    func dropped(_ kind: String) -> Counter {
      metrics.counter(
        "tikv_raftstore_raft_dropped_message_total", "Raft messages dropped, by reason",
        labels: [("type", kind)])
    }
    func region(_ kind: String) -> Gauge {
      metrics.gauge(
        "tikv_raftstore_region_count", "Regions on this store", labels: [("type", kind)])
    }
    proposalsAll = proposal("all")
    proposalsNormal = proposal("normal")
    proposalsBatched = proposal("batch")
    proposalsReadIndex = proposal("read_index")
    proposalsLocalRead = proposal("local_read")
    proposalsConfChange = proposal("conf_change")
    proposalsTransferLeader = proposal("transfer_leader")
    sentMessages = metrics.counter(
      "tikv_raftstore_raft_sent_message_total", "Raft messages passed to the transport")
    droppedWrongStore = dropped("mismatch_store_id")
    droppedStale = dropped("stale_msg")
    droppedOverlap = dropped("region_overlap")
    droppedNoVote = dropped("vote_after_start")
    droppedNoPeer = dropped("region_nonexistent")
    droppedInvalid = dropped("invalid")
    droppedTooManyPeers = dropped("too_many_uninitialized")
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
  }
}
