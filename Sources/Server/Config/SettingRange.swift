import Raftstore
import Runtime

/// The values a setting may have. Whatever comes from a flag or a file is checked here, once, before anything
/// starts: an interval of nothing costs a processor, one without end never comes.
package enum SettingRange {
  static let year = Duration.seconds(365 * 86_400)

  /// Why the value is refused, with the setting's name and its range; nil when it is fine.
  package static func problem<Value: Comparable>(
    _ name: String, _ value: Value, _ range: ClosedRange<Value>, or special: Value? = nil
  ) -> String? {
    if range.contains(value) || value == special { return nil }
    return "\(name) must be \(words(range, or: special)), not \(text(value))"
  }

  /// One setting of a node's configuration, its place and its range.
  struct Rule: Sendable {
    let name: String
    /// What is possible, in words: `from 10ms to 10s`.
    let words: String
    let problem: @Sendable (NodeConfiguration) -> String?

    init<Value: Comparable & Sendable>(
      _ name: String, _ place: any KeyPath<NodeConfiguration, Value> & Sendable,
      _ range: ClosedRange<Value>, or special: Value? = nil
    ) {
      self.name = name
      words = SettingRange.words(range, or: special)
      problem = { SettingRange.problem(name, $0[keyPath: place], range, or: special) }
    }

    /// Of a setting that need not be there.
    init<Value: Comparable & Sendable>(
      _ name: String, _ place: any KeyPath<NodeConfiguration, Value?> & Sendable,
      _ range: ClosedRange<Value>
    ) {
      self.name = name
      words = SettingRange.words(range, or: nil)
      problem = { $0[keyPath: place].flatMap { SettingRange.problem(name, $0, range) } }
    }
  }

  /// Every number of a node's configuration, under its key.
  static let node: [Rule] = [
    Rule("server.grpc-concurrency", \.eventLoops, 1...128),
    Rule("server.graceful-shutdown-timeout", \.gracefulShutdownTimeout, .zero...hour),
    Rule("storage.block-cache.capacity", \.blockCacheCapacity, (1 << 20)...(1 << 46), or: 0),
    Rule("storage.reserve-space", \.raftstore.reservedSpace, 0...(1 << 60)),
    Rule("raftstore.capacity", \.capacity, (1 << 20)...(1 << 60), or: 0),
    // A tick wakes every region that is awake.
    Rule(
      "raftstore.raft-base-tick-interval", \.raftstore.baseTickInterval,
      .milliseconds(10)...(.seconds(10))),
    Rule("raftstore.raft-heartbeat-ticks", \.raftstore.heartbeatTicks, 1...1000),
    Rule("raftstore.raft-election-timeout-ticks", \.raftstore.electionTicks, 2...10_000),
    Rule("raftstore.raft-store-max-leader-lease", \.raftstore.maxLeaderLease, .zero...hour),
    Rule(
      "raftstore.raft-entry-max-size", \.raftstore.maxEntrySize,
      1024...UInt64(MessageSizes.largestEntry)),
    Rule("raftstore.raft-log-gc-tick-interval", \.raftstore.logCompaction.interval, often...day),
    Rule("raftstore.raft-log-gc-threshold", \.raftstore.logCompaction.threshold, 1...(1 << 40)),
    Rule("raftstore.raft-log-gc-count-limit", \.raftstore.logCompaction.count, 1...(1 << 40)),
    Rule("raftstore.raft-log-gc-size-limit", \.raftstore.logCompaction.bytes, 1024...(1 << 46)),
    Rule("raftstore.pd-heartbeat-tick-interval", \.raftstore.regionHeartbeatInterval, often...day),
    // A store that reports less often is taken for silent.
    Rule(
      "raftstore.pd-store-heartbeat-tick-interval", \.raftstore.storeHeartbeatInterval,
      often...(.seconds(10))),
    Rule(
      "raftstore.snap-mgr-gc-tick-interval", \.raftstore.snapshotGCInterval, often...day),
    Rule("raftstore.snap-gc-timeout", \.raftstore.snapshotTimeout, .seconds(1)...year),
    Rule(
      "raftstore.peer-stale-state-check-interval", \.raftstore.stalePeers.checkInterval, often...day
    ),
    Rule(
      "raftstore.max-leader-missing-duration", \.raftstore.stalePeers.maxLeaderMissing,
      .seconds(1)...year),
    Rule(
      "raftstore.max-peer-down-duration", \.raftstore.stalePeers.maxPeerDown, .seconds(1)...year),
    Rule("raftstore.notify-capacity", \.raftstore.mailboxes.raftCount, 16...(1 << 24)),
  ]

  /// What a setting of a node takes, in words; nil where it is no number.
  static func words(_ key: String) -> String? { node.first { $0.name == key }?.words }

  /// As often as anything that looks at every region or at a directory may happen.
  private static let often = Duration.milliseconds(100)
  private static let hour = Duration.seconds(3600)
  private static let day = Duration.seconds(86_400)

  private static func words<Value: Comparable>(
    _ range: ClosedRange<Value>, or special: Value?
  ) -> String {
    "from \(text(range.lowerBound)) to \(text(range.upperBound))"
      + (special.map { " or \(text($0))" } ?? "")
  }

  private static func text<Value>(_ value: Value) -> String {
    (value as? Duration).map { Quantity.text($0) } ?? "\(value)"
  }
}
