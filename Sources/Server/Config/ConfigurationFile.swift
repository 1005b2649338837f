import Logging
import RaftLog
import Raftstore
import Runtime
import TOMLKit

/// The TOML file of a store. Keys that apply here change the configuration, other keys are collected for a
/// warning, and an invalid value is an error that names its key.
package struct ConfigurationFile {
  /// The problem of a file, with its path.
  package struct Invalid: Error, CustomStringConvertible {
    package var description: String
  }

  private let path: String
  private let table: TOMLTable
  /// Keys in the file that do not apply here.
  package private(set) var ignored: [String] = []

  /// Parses the text of a file.
  package init(path: String, text: String) throws(Invalid) {
    self.path = path
    if let problem = TOMLDepth.problem(in: text) {
      throw Invalid(description: "\(path): \(problem)")
    }
    do {
      table = try TOMLTable(string: text)
    } catch {
      throw Invalid(description: "\(path): \(error)")
    }
  }

  /// A larger file is an error.
  private static let maxBytes = 256 << 10

  /// Reads and parses a file.
  package static func load(_ path: String) throws -> ConfigurationFile {
    let file = try SystemFileSystem().open(path)
    var bytes: [UInt8] = []
    while true {
      let piece = try file.read(at: UInt64(bytes.count), upTo: maxBytes)
      if piece.isEmpty { break }
      bytes += piece
      guard bytes.count <= maxBytes else {
        throw Invalid(description: "\(path) exceeds the configuration file limit of 256 KiB")
      }
    }
    // Replaced characters would change paths and labels.
    guard let text = String(validating: bytes, as: UTF8.self) else {
      throw Invalid(description: "\(path) is not UTF-8")
    }
    return try ConfigurationFile(path: path, text: text)
  }

  /// The sections with keys that apply here.
  private static let sections: Set<String> = [
    "coprocessor", "log", "pd", "raftstore", "resolved-ts", "security", "server", "split",
    "storage",
  ]

  /// Applies the file's settings to `configuration`.
  package mutating func apply(to configuration: inout NodeConfiguration) throws(Invalid) {
    try refuseSecurity()
    for section in table.keys.sorted() {
      guard let inner = table[section]?.table else {
        if Self.sections.contains(section) {
          throw Invalid(description: "\(path): \(section) must be a table")
        }
        ignored.append(section)
        continue
      }
      for name in inner.keys.sorted() {
        let key = "\(section).\(name)"
        if try applyStructured(key, inner[name], &configuration) { continue }
        guard let setting = Self.settings[key] else {
          ignored.append(key)
          continue
        }
        let text = Self.text(inner[name])
        guard let text, setting(&configuration, text) else { throw unusable(key, text) }
      }
    }
  }

  private func unusable(_ key: String, _ text: String?) -> Invalid {
    // On one line, and cut off.
    let shown =
      text.map { "'\($0.prefix(64).filter { !$0.isNewline })'" }
      ?? "not a string, number or boolean"
    let range = SettingRange.words(key).map { "; it must be \($0)" } ?? ""
    return Invalid(description: "\(path): invalid value of \(key): \(shown)\(range)")
  }

  /// Encryption is not supported yet. A store configured with it must not start in plain text.
  private func refuseSecurity() throws(Invalid) {
    guard let section = table["security"] else { return }
    guard let inner = section.table else {
      throw Invalid(description: "\(path): security must be a table")
    }
    for name in inner.keys.sorted() where !Self.isDefault(inner[name]) {
      throw Invalid(
        description:
          "\(path): security.\(name) is set, but this version serves plain text only: remove "
          + "it to start without TLS and encryption")
    }
  }

  /// Whether the value enables nothing: empty, false, `plaintext`, or a table of such values.
  private static func isDefault(_ value: (any TOMLValueConvertible)?) -> Bool {
    guard let value else { return true }
    if let text = value.string { return text.isEmpty || text == "plaintext" }
    if let flag = value.bool { return !flag }
    if let array = value.array { return array.isEmpty }
    if let table = value.table { return table.keys.allSatisfy { isDefault(table[$0]) } }
    return false
  }

  /// Applies a key whose value is an array or a table. False if `key` has a plain value.
  private mutating func applyStructured(
    _ key: String, _ value: (any TOMLValueConvertible)?, _ configuration: inout NodeConfiguration
  ) throws(Invalid) -> Bool {
    switch key {
    case "pd.endpoints":
      let texts = value?.array?.map { $0.string ?? "" } ?? []
      guard !texts.isEmpty else {
        throw Invalid(
          description:
            "\(path): \(key) has no placement driver endpoint: remove it to run stand-alone")
      }
      configuration.pdEndpoints = []
      for text in texts {
        guard let endpoint = HostPort(text), endpoint.port > 0 else {
          throw Invalid(
            description:
              "\(path): \(key): invalid address '\(text)': expected host:port, or remove "
              + "the key to run stand-alone")
        }
        configuration.pdEndpoints.append(endpoint)
      }
    case "server.labels":
      guard let table = value?.table else {
        throw Invalid(description: "\(path): \(key) must be a table")
      }
      configuration.labels = []
      for name in table.keys.sorted() {
        guard let text = table[name]?.string else {
          throw Invalid(description: "\(path): \(key).\(name) must be a string")
        }
        configuration.labels.append(NodeConfiguration.Label(key: name, value: text))
      }
    case "storage.block-cache":
      guard let table = value?.table else {
        throw Invalid(description: "\(path): \(key) must be a table")
      }
      ignored += table.keys.sorted().filter { $0 != "capacity" }.map { "\(key).\($0)" }
      guard let capacity = table["capacity"] else { return true }
      let text = Self.text(capacity)
      guard let text, let bytes = Quantity.bytes(text) else {
        throw unusable("\(key).capacity", text)
      }
      configuration.blockCacheCapacity = bytes
    default: return false
    }
    return true
  }

  /// Sets one value of a configuration from its text; false if the text is invalid.
  typealias Setting = @Sendable (inout NodeConfiguration, String) -> Bool

  /// The settings with plain values, by key.
  static let settings: [String: Setting] = [
    "log.level": { configuration, text in
      guard let level = Logger.Level(tikvName: text) else { return false }
      configuration.logLevel = level
      return true
    },
    "server.addr": { set(&$0.address, HostPort(plain: $1)) },
    "server.advertise-addr": { setOptional(&$0.advertisedAddress, $1, HostPort(plain: $1)) },
    "server.status-addr": { setOptional(&$0.statusAddress, $1, HostPort(plain: $1)) },
    "server.advertise-status-addr": {
      setOptional(&$0.advertisedStatusAddress, $1, HostPort(plain: $1))
    },
    "server.grpc-concurrency": { set(&$0.eventLoops, Int($1)) },
    "server.graceful-shutdown-timeout": {
      set(&$0.gracefulShutdownTimeout, Quantity.duration($1))
    },
    "storage.data-dir": { set(&$0.dataDirectory, $1) },
    "storage.reserve-space": { optional(&$0, \.disk.reservedSpace, Quantity.bytes($1)) },
    "storage.enable-ttl": { set(&$0.enablesTTL, Bool($1)) },
    // Only version 1 is supported: others store keys and values in other formats.
    "storage.api-version": { _, text in text == "1" },
    "raftstore.capacity": { set(&$0.capacity, Quantity.bytes($1)) },
    "raftstore.raft-base-tick-interval": { duration(&$0, \.baseTickInterval, $1) },
    "raftstore.raft-heartbeat-ticks": { set(&$0.raftstore.heartbeatTicks, Int($1)) },
    "raftstore.raft-election-timeout-ticks": { set(&$0.raftstore.electionTicks, Int($1)) },
    "raftstore.raft-store-max-leader-lease": { duration(&$0, \.maxLeaderLease, $1) },
    "raftstore.raft-entry-max-size": { set(&$0.raftstore.maxEntrySize, Quantity.bytes($1)) },
    "raftstore.raft-log-gc-tick-interval": { duration(&$0, \.logCompaction.interval, $1) },
    "raftstore.raft-log-gc-threshold": { set(&$0.raftstore.logCompaction.threshold, UInt64($1)) },
    "raftstore.raft-log-gc-count-limit": { set(&$0.raftstore.logCompaction.count, UInt64($1)) },
    "raftstore.raft-log-gc-size-limit": {
      set(&$0.raftstore.logCompaction.bytes, Quantity.bytes($1))
    },
    "raftstore.pd-heartbeat-tick-interval": { duration(&$0, \.regionHeartbeatInterval, $1) },
    "raftstore.pd-store-heartbeat-tick-interval": { duration(&$0, \.storeHeartbeatInterval, $1) },
    "raftstore.snap-mgr-gc-tick-interval": { duration(&$0, \.snapshotGC.interval, $1) },
    "raftstore.snap-gc-timeout": { duration(&$0, \.snapshotGC.timeout, $1) },
    "raftstore.peer-stale-state-check-interval": { duration(&$0, \.stalePeers.checkInterval, $1) },
    "raftstore.max-leader-missing-duration": { duration(&$0, \.stalePeers.maxLeaderMissing, $1) },
    "raftstore.max-peer-down-duration": { duration(&$0, \.stalePeers.maxPeerDown, $1) },
    "raftstore.split-region-check-tick-interval": { duration(&$0, \.split.checkInterval, $1) },
    "raftstore.region-split-check-diff": { optional(&$0, \.split.checkDiff, Quantity.bytes($1)) },
    "raftstore.right-derive-when-split": { set(&$0.raftstore.split.rightDerive, Bool($1)) },
    "coprocessor.region-split-size": { set(&$0.raftstore.split.size, Quantity.bytes($1)) },
    "coprocessor.region-max-size": { optional(&$0, \.split.maxSize, Quantity.bytes($1)) },
    "coprocessor.region-split-keys": { optional(&$0, \.split.keys, UInt64($1)) },
    "coprocessor.region-max-keys": { optional(&$0, \.split.maxKeys, UInt64($1)) },
    "raftstore.hibernate-regions": { set(&$0.raftstore.hibernation.isEnabled, Bool($1)) },
    "raftstore.hibernate-timeout": { duration(&$0, \.hibernation.idleTime, $1) },
    "raftstore.abnormal-leader-missing-duration": {
      duration(&$0, \.stalePeers.abnormalLeaderMissing, $1)
    },
    "raftstore.store-pool-size": { set(&$0.raftstore.shards, Int($1)) },
    "raftstore.apply-pool-size": { configuration, text in
      guard let count = Int(text) else { return false }
      configuration.raftstore.applyWorkers = count
      return true
    },
    "raftstore.raft-log-compact-sync-interval": { duration(&$0, \.logCompaction.syncInterval, $1) },
    "raftstore.snap-generator-pool-size": { set(&$0.snapshots.generators, Int($1)) },
    "raftstore.max-snapshot-file-raw-size": {
      set(&$0.snapshots.maxFileBytes, Quantity.bytes($1))
    },
    "server.concurrent-send-snap-limit": { set(&$0.snapshots.maxSending, Int($1)) },
    "server.concurrent-recv-snap-limit": { set(&$0.snapshots.maxReceiving, Int($1)) },
    "server.snap-io-max-bytes-per-sec": {
      set(&$0.snapshots.maxBytesPerSecond, Quantity.bytes($1))
    },
    "server.snap-max-total-size": { set(&$0.snapshots.maxTotalSize, Quantity.bytes($1)) },
    "raftstore.notify-capacity": { set(&$0.raftstore.mailboxes.raftCount, Int($1)) },
    "raftstore.region-compact-check-interval": { duration(&$0, \.split.compaction.interval, $1) },
    "raftstore.region-compact-check-step": { set(&$0.raftstore.split.compaction.step, Int($1)) },
    "raftstore.region-compact-min-tombstones": {
      set(&$0.raftstore.split.compaction.minTombstones, UInt64($1))
    },
    "raftstore.region-compact-tombstones-percent": {
      set(&$0.raftstore.split.compaction.tombstonesPercent, UInt64($1))
    },
    "raftstore.merge-check-tick-interval": { duration(&$0, \.merge.checkInterval, $1) },
    "raftstore.merge-max-log-gap": { set(&$0.raftstore.merge.maxLogGap, UInt64($1)) },
    "raftstore.follower-read-max-log-gap": {
      set(&$0.raftstore.reads.followerMaxLogGap, UInt64($1))
    },
    "coprocessor.region-size-threshold-for-approximate": {
      set(&$0.raftstore.split.approximateSize, Quantity.bytes($1))
    },
    "resolved-ts.enable": { set(&$0.raftstore.reads.safeTS.isEnabled, Bool($1)) },
    "resolved-ts.advance-ts-interval": { duration(&$0, \.reads.safeTS.advanceInterval, $1) },
    "split.qps-threshold": { set(&$0.raftstore.reads.loadSplit.queries, UInt64($1)) },
    "split.byte-threshold": { set(&$0.raftstore.reads.loadSplit.bytes, Quantity.bytes($1)) },
    "split.region-cpu-overload-threshold-ratio": {
      set(&$0.raftstore.reads.loadSplit.busyRatio, Quantity.ratio($1))
    },
    "split.detect-times": { set(&$0.raftstore.reads.loadSplit.detectTimes, Int($1)) },
    "split.sample-num": { set(&$0.raftstore.reads.loadSplit.sampleCount, Int($1)) },
    "split.sample-threshold": { set(&$0.raftstore.reads.loadSplit.sampleThreshold, Int($1)) },
    "split.split-balance-score": {
      set(&$0.raftstore.reads.loadSplit.balanceScore, Quantity.ratio($1))
    },
    "split.split-contained-score": {
      set(&$0.raftstore.reads.loadSplit.containedScore, Quantity.ratio($1))
    },
    "raftstore.log-engine": { set(&$0.logEngine, LogEngine(rawValue: $1)) },
    "raftstore.consistency-check-interval": { duration(&$0, \.reads.consistency.interval, $1) },
  ]

  /// Sets a property; false if the text had no value.
  private static func set<Value>(_ place: inout Value, _ value: Value?) -> Bool {
    guard let value else { return false }
    place = value
    return true
  }

  /// As `set`, but an empty text sets nil.
  private static func setOptional<Value>(
    _ place: inout Value?, _ text: String, _ value: Value?
  ) -> Bool {
    if !text.isEmpty && value == nil { return false }
    place = value
    return true
  }

  /// As `set`: for an optional property that would accept nil as a value.
  private static func optional(
    _ configuration: inout NodeConfiguration,
    _ place: any WritableKeyPath<RaftstoreConfig, UInt64?> & Sendable, _ value: UInt64?
  ) -> Bool {
    guard let value else { return false }
    configuration.raftstore[keyPath: place] = value
    return true
  }

  private static func duration(
    _ configuration: inout NodeConfiguration,
    _ place: any WritableKeyPath<RaftstoreConfig, Duration> & Sendable, _ text: String
  ) -> Bool {
    set(&configuration.raftstore[keyPath: place], Quantity.duration(text))
  }

  private static func text(_ value: (any TOMLValueConvertible)?) -> String? {
    guard let value else { return nil }
    return value.string ?? value.int.map(String.init) ?? value.bool.map(String.init)
      ?? value.double.map { String($0) }
  }
}

extension Logger.Level {
  /// TiKV's name of a level.
  package init?(tikvName: String) {
    switch tikvName.lowercased() {
    case "trace": self = .trace
    case "debug": self = .debug
    case "info": self = .info
    case "warn", "warning": self = .warning
    case "error": self = .error
    case "fatal", "critical": self = .critical
    default: return nil
    }
  }
}
