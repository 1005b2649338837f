import RaftLog
import Raftstore
import Runtime

/// The ranges of settings. Values of flags and files are checked once, before anything starts: an interval of
/// zero would use a whole processor, and an unbounded one would never end.
package enum SettingRange {
  /// The longest duration of any setting.
  static let year = Duration.seconds(365 * 86_400)

  /// Why the value is invalid, with the setting's name and range; nil if it is valid.
  ///
  /// - Parameter special: a valid value outside the range, such as 0 for a default.
  package static func problem<Value: Comparable>(
    _ name: String, _ value: Value, _ range: ClosedRange<Value>, or special: Value? = nil
  ) -> String? {
    if range.contains(value) || value == special { return nil }
    return "\(name) must be \(words(range, or: special)), not \(text(value))"
  }

  /// A setting of a store and its range.
  struct Rule: Sendable {
    /// The setting's key in the file.
    let name: String
    /// The range as text: `from 10ms to 10s`.
    let words: String
    /// Why the setting of a configuration is invalid; nil if it is valid.
    let problem: @Sendable (NodeConfiguration) -> String?

    /// - Parameter special: a valid value outside the range.
    init<Value: Comparable & Sendable>(
      _ name: String, _ path: any KeyPath<NodeConfiguration, Value> & Sendable,
      _ range: ClosedRange<Value>, or special: Value? = nil
    ) {
      self.name = name
      words = SettingRange.words(range, or: special)
      problem = { SettingRange.problem(name, $0[keyPath: path], range, or: special) }
    }

    /// The rule of an optional setting; nil is valid.
    init<Value: Comparable & Sendable>(
      _ name: String, _ path: any KeyPath<NodeConfiguration, Value?> & Sendable,
      _ range: ClosedRange<Value>
    ) {
      self.name = name
      words = SettingRange.words(range, or: nil)
      problem = { $0[keyPath: path].flatMap { SettingRange.problem(name, $0, range) } }
    }
  }

  /// The rules of all numbers and durations of a store's configuration.
  static let node: [Rule] = [
    Rule("server.grpc-concurrency", \.eventLoops, 1...128),
    Rule("server.graceful-shutdown-timeout", \.gracefulShutdownTimeout, .zero...hour),
    Rule("storage.block-cache.capacity", \.blockCacheCapacity, (1 << 20)...(1 << 46), or: 0),
    Rule("storage.reserve-space", \.raftstore.disk.reservedSpace, 0...(1 << 60)),
    Rule("raftstore.capacity", \.capacity, (1 << 20)...(1 << 60), or: 0),
    // A tick is work for every region that is not hibernated.
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
    // The placement driver takes a store that reports less often for disconnected.
    Rule(
      "raftstore.pd-store-heartbeat-tick-interval", \.raftstore.storeHeartbeatInterval,
      often...(.seconds(10))),
    Rule(
      "raftstore.snap-mgr-gc-tick-interval", \.raftstore.snapshotGC.interval, often...day),
    Rule("raftstore.snap-gc-timeout", \.raftstore.snapshotGC.timeout, .seconds(1)...year),
    Rule(
      "raftstore.peer-stale-state-check-interval", \.raftstore.stalePeers.checkInterval, often...day
    ),
    Rule(
      "raftstore.max-leader-missing-duration", \.raftstore.stalePeers.maxLeaderMissing,
      .seconds(1)...year),
    Rule(
      "raftstore.max-peer-down-duration", \.raftstore.stalePeers.maxPeerDown, .seconds(1)...year),
    Rule(
      "raftstore.split-region-check-tick-interval", \.raftstore.split.checkInterval, often...day),
    Rule("raftstore.region-split-check-diff", \.raftstore.split.checkDiff, 1...(1 << 50)),
    Rule("coprocessor.region-split-size", \.raftstore.split.size, 1024...(1 << 50)),
    Rule("coprocessor.region-max-size", \.raftstore.split.maxSize, 1024...(1 << 50)),
    Rule("coprocessor.region-split-keys", \.raftstore.split.keys, 1...(1 << 50)),
    Rule("coprocessor.region-max-keys", \.raftstore.split.maxKeys, 1...(1 << 50)),
    Rule("raftstore.hibernate-timeout", \.raftstore.hibernation.idleTime, .zero...day),
    Rule(
      "raftstore.abnormal-leader-missing-duration", \.raftstore.stalePeers.abnormalLeaderMissing,
      .seconds(1)...year),
    Rule("raftstore.store-pool-size", \.raftstore.shards, 1...64),
    Rule("raftstore.apply-pool-size", \.raftstore.applyWorkers, 1...64),
    Rule(
      "raftstore.raft-log-compact-sync-interval", \.raftstore.logCompaction.syncInterval,
      .zero...hour),
    Rule("raftstore.snap-generator-pool-size", \.snapshots.generators, 1...16),
    Rule("raftstore.max-snapshot-file-raw-size", \.snapshots.maxFileBytes, 1024...(1 << 40)),
    Rule("server.concurrent-send-snap-limit", \.snapshots.maxSending, 1...1024),
    Rule("server.concurrent-recv-snap-limit", \.snapshots.maxReceiving, 1...1024),
    Rule(
      "server.snap-io-max-bytes-per-sec", \.snapshots.maxBytesPerSecond, 1024...(1 << 40), or: 0),
    Rule("server.snap-max-total-size", \.snapshots.maxTotalSize, (1 << 20)...(1 << 60), or: 0),
    Rule("raftstore.notify-capacity", \.raftstore.mailboxes.raftCount, 16...(1 << 24)),
    Rule(
      "raftstore.region-compact-check-interval", \.raftstore.split.compaction.interval, often...day),
    Rule("raftstore.region-compact-check-step", \.raftstore.split.compaction.step, 1...10_000),
    Rule(
      "raftstore.region-compact-min-tombstones", \.raftstore.split.compaction.minTombstones,
      1...(1 << 40)),
    Rule(
      "raftstore.region-compact-tombstones-percent",
      \.raftstore.split.compaction.tombstonesPercent, 1...100),
    Rule("raftstore.merge-check-tick-interval", \.raftstore.merge.checkInterval, often...day),
    Rule("raftstore.merge-max-log-gap", \.raftstore.merge.maxLogGap, 1...1024),
    Rule(
      "raftstore.follower-read-max-log-gap", \.raftstore.reads.followerMaxLogGap, 0...(1 << 40)),
    Rule(
      "coprocessor.region-size-threshold-for-approximate", \.raftstore.split.approximateSize,
      1024...(1 << 50)),
    Rule("resolved-ts.advance-ts-interval", \.raftstore.reads.safeTS.advanceInterval, often...day),
    Rule("split.qps-threshold", \.raftstore.reads.loadSplit.queries, 1...(1 << 40)),
    Rule("split.byte-threshold", \.raftstore.reads.loadSplit.bytes, 1024...(1 << 50)),
    Rule(
      "split.region-cpu-overload-threshold-ratio", \.raftstore.reads.loadSplit.busyRatio,
      0.01...1000),
    Rule("split.detect-times", \.raftstore.reads.loadSplit.detectTimes, 1...1000),
    Rule("split.sample-num", \.raftstore.reads.loadSplit.sampleCount, 1...1000),
    Rule("split.sample-threshold", \.raftstore.reads.loadSplit.sampleThreshold, 1...1_000_000),
    Rule("split.split-balance-score", \.raftstore.reads.loadSplit.balanceScore, 0...1),
    Rule("split.split-contained-score", \.raftstore.reads.loadSplit.containedScore, 0...1),
    Rule(
      "raftstore.consistency-check-interval", \.raftstore.reads.consistency.interval, often...year,
      or: .zero),
  ]

  /// The range of a store's setting as text; nil if it has none.
  static func words(_ key: String) -> String? {
    if key == "raftstore.log-engine" {
      return LogEngine.allCases.map(\.rawValue).joined(separator: " or ")
    }
    return node.first { $0.name == key }?.words
  }

  /// The shortest interval of work that looks at every region or at a directory.
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
