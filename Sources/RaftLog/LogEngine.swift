package import Runtime

/// The raft-log stores that a node can use. The raw value is that of `raftstore.log-engine`.
package enum LogEngine: String, CaseIterable, Sendable {
  case rocksdb
  case segment

  /// The name of its directory in the data directory of a store. Each has its own, so that none opens files of
  /// another.
  package var directoryName: String {
    switch self {
    case .rocksdb: "raft"
    case .segment: "raft-segment"
    }
  }

  /// Opens a log of this engine.
  ///
  /// - Parameter path: its directory, whose parent must exist.
  /// - Returns: the store, and what was found that a message should tell: damage that was survived, files that do not
  ///   belong to the log.
  package func open(
    _ path: String, _ options: LogEngineOptions
  ) throws(LogStoreError) -> (store: any RaftLogStore, warnings: [String]) {
    switch self {
    case .rocksdb:
      let store = try RocksDBLogStore(path: path, options: options.rocksDB)
      return (store, [])
    case .segment:
      let store = try SegmentLogStore(path: path, files: options.files, options: options.segment)
      let ignored = store.report.ignoredFiles.map {
        "\(path)/\($0) does not belong to the raft log"
      }
      return (store, store.report.warnings + ignored)
    }
  }
}

/// What opening a log depends on, the same for every engine.
package struct LogEngineOptions: Sendable {
  /// How a log is opened.
  package enum Access: Sendable {
    /// Damage that the engine finds when it opens is an error, if the engine can tell.
    case strict
    /// Regions that damage has touched are reported by `RaftLogStore.damage(of:)`; all others are usable.
    case salvage
    /// Without the lock; every write throws.
    case readOnly
  }

  package var files: any RandomAccessFileSystem
  package var access = Access.strict
  /// Whether a missing log is created. Otherwise it is an error.
  package var createIfMissing = true
  /// Files that the log may keep open.
  package var maxOpenFiles = 512
  /// Different for each start: varies what must not repeat in files, for instance salts.
  package var seed: UInt64 = 0

  /// - Parameter files: holds the directory. RocksDB uses the files of the operating system in any case.
  package init(files: any RandomAccessFileSystem) {
    self.files = files
  }

  fileprivate var rocksDB: RocksDBLogStoreOptions {
    var options = RocksDBLogStoreOptions()
    options.maxOpenFiles = Int32(clamping: maxOpenFiles)
    options.readOnly = access == .readOnly
    options.createIfMissing = createIfMissing
    return options
  }

  fileprivate var segment: SegmentLogOptions {
    var options = SegmentLogOptions()
    options.mode =
      switch access {
      case .strict: .strict
      case .salvage: .salvage
      case .readOnly: .readOnly
      }
    options.createIfMissing = createIfMissing
    options.seed = seed
    // A log that exceeds its budget for a while needs more files than it has then.
    let files = UInt64(clamping: max(maxOpenFiles, 16) / 2)
    options.hardBudgetBytes = min(options.hardBudgetBytes, files * UInt64(options.segmentBytes))
    options.softBudgetBytes = min(options.softBudgetBytes, options.hardBudgetBytes / 2)
    return options
  }
}
