import Runtime

/// The values a setting may have. Whatever comes from a flag or a file is checked here, once, before anything
/// starts: an interval of nothing costs a processor, one without end never comes.
enum SettingRange {
  static let year = Duration.seconds(365 * 86_400)

  /// Why the value is refused, with the setting's name and its range; nil when it is fine.
  static func problem<Value: Comparable>(
    _ name: String, _ value: Value, _ range: ClosedRange<Value>
  ) -> String? {
    if range.contains(value) { return nil }
    return
      "\(name) must be from \(text(range.lowerBound)) to \(text(range.upperBound)), not \(text(value))"
  }

  /// One setting of a configuration, its place and its range.
  struct Rule: Sendable {
    let problem: @Sendable (NodeConfiguration) -> String?

    init<Value: Comparable & Sendable>(
      _ name: String, _ place: any KeyPath<NodeConfiguration, Value> & Sendable,
      _ range: ClosedRange<Value>
    ) {
      problem = { SettingRange.problem(name, $0[keyPath: place], range) }
    }
  }

  /// Every number of a node's configuration, under its key.
  static let node: [Rule] = [
    Rule("server.grpc-concurrency", \.eventLoops, 1...128),
    Rule("server.graceful-shutdown-timeout", \.gracefulShutdownTimeout, .zero...hour),
    Rule("storage.block-cache.capacity", \.blockCacheCapacity, 0...(1 << 46)),
    Rule("raftstore.capacity", \.capacity, 0...(1 << 60)),
    Rule("raftstore.raft-base-tick-interval", \.raftstore.baseTickInterval, tick...minute),
    Rule("raftstore.raft-heartbeat-ticks", \.raftstore.heartbeatTicks, 1...1000),
    Rule("raftstore.raft-election-timeout-ticks", \.raftstore.electionTicks, 2...10_000),
    Rule("raftstore.raft-store-max-leader-lease", \.raftstore.maxLeaderLease, .zero...hour),
    Rule(
      "raftstore.raft-entry-max-size", \.raftstore.maxEntrySize,
      1024...UInt64(MessageSizes.largestEntry)),
    Rule("raftstore.raft-log-gc-tick-interval", \.raftstore.logCompactionInterval, tick...day),
    Rule("raftstore.raft-log-gc-threshold", \.raftstore.logCompactionThreshold, 1...(1 << 40)),
    Rule("raftstore.raft-log-gc-count-limit", \.raftstore.logCompactionCount, 1...(1 << 40)),
    Rule("raftstore.raft-log-gc-size-limit", \.raftstore.logCompactionBytes, 1024...(1 << 46)),
    Rule("raftstore.pd-heartbeat-tick-interval", \.raftstore.regionHeartbeatInterval, tick...day),
    Rule(
      "raftstore.pd-store-heartbeat-tick-interval", \.raftstore.storeHeartbeatInterval, tick...day),
    Rule("raftstore.snap-mgr-gc-tick-interval", \.raftstore.snapshotCollectionInterval, tick...day),
    Rule("raftstore.snap-gc-timeout", \.raftstore.snapshotTimeout, .seconds(1)...year),
    Rule("raftstore.peer-stale-state-check-interval", \.raftstore.staleCheckInterval, tick...day),
    Rule("raftstore.max-leader-missing-duration", \.raftstore.maxLeaderMissing, .seconds(1)...year),
    Rule("raftstore.max-peer-down-duration", \.raftstore.maxPeerDown, .seconds(1)...year),
    Rule("raftstore.notify-capacity", \.raftstore.raftMailboxCapacity, 16...(1 << 24)),
  ]

  private static let tick = Duration.milliseconds(1)
  private static let minute = Duration.seconds(60)
  private static let hour = Duration.seconds(3600)
  private static let day = Duration.seconds(86_400)

  private static func text<Value>(_ value: Value) -> String {
    guard let duration = value as? Duration else { return "\(value)" }
    return duration == .zero ? "0s" : "\(duration.formattedForPeople)"
  }
}

extension Duration {
  /// As a person would write it in a configuration: `1ms`, `15s`, `24h`.
  fileprivate var formattedForPeople: String {
    let nanoseconds = asNanoseconds
    for (unit, size) in [("h", 3_600_000_000_000), ("s", 1_000_000_000), ("ms", 1_000_000)]
      as [(String, Int64)]
    where nanoseconds % size == 0 {
      return "\(nanoseconds / size)\(unit)"
    }
    return "\(nanoseconds)ns"
  }
}
