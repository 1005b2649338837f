import Runtime

/// Metrics of the snapshot manager.
struct SnapshotMetrics: Sendable {
  let generated: Counter
  let reused: Counter
  let sent: Counter
  let received: Counter
  let applied: Counter
  let evicted: Counter
  let corrupted: Counter
  let cleanupFailures: Counter
  let generation: Histogram

  init(_ metrics: Metrics) {
    generated = metrics.counter("apus_snapshot_generated_total", "Snapshots generated.")
    reused = metrics.counter(
      "apus_snapshot_reused_total", "Requests served by an existing snapshot.")
    sent = metrics.counter("apus_snapshot_sent_total", "Snapshots sent completely.")
    received = metrics.counter("apus_snapshot_received_total", "Snapshots received completely.")
    applied = metrics.counter("apus_snapshot_applied_total", "Received snapshots applied.")
    evicted = metrics.counter(
      "apus_snapshot_evicted_total", "Idle snapshots removed to make room.")
    corrupted = metrics.counter(
      "apus_snapshot_corrupted_total", "Snapshot files that do not match their metadata.")
    cleanupFailures = metrics.counter(
      "apus_snapshot_cleanup_failures_total", "Failed removals of left-over snapshot files.")
    generation = metrics.histogram(
      "apus_snapshot_generate_seconds", "Time to generate a snapshot's files.")
  }
}
