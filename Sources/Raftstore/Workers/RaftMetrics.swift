import Runtime

/// Metrics of the raft workers, under TiKV's names. Created once per store.
struct RaftMetrics: Sendable {
  let proposals: ProposalMetrics
  let dropped: DroppedMessageMetrics
  let damage: DamageMetrics
  let changes: RegionChangeMetrics
  let peers: PeerMetrics
  let sentMessages: Counter
  let removalsSuspected: Counter
  let removalsRefuted: Counter
  let invalidProposals: Counter
  let readySeconds: Histogram
  let commitSeconds: Histogram
  let snapshotFailures: Counter
  let diskFull: Gauge

  init(_ metrics: Metrics) {
    proposals = ProposalMetrics(metrics)
    dropped = DroppedMessageMetrics(metrics)
    damage = DamageMetrics(metrics)
    changes = RegionChangeMetrics(metrics)
    peers = PeerMetrics(metrics)
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
    readySeconds = metrics.histogram(
      "tikv_raftstore_raft_process_duration_secs", "Time of one round of a raft worker",
      labels: [("type", "ready")])
    commitSeconds = metrics.histogram(
      "tikv_raftstore_commit_log_duration_seconds", "Time from proposing to committing")
    snapshotFailures = metrics.counter(
      "tikv_raftstore_snapshot_failure_total", "Snapshots that could not be generated or applied")
    diskFull = metrics.gauge(
      "apus_store_disk_full", "1 while writes are refused because the disk is full")
  }
}
