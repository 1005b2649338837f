package import Raft
import Runtime
import Synchronization

extension DiskLogStore {
  private func index(of region: UInt64) -> RegionIndex {
    storage(region)?.present.index ?? RegionIndex()
  }

  package func firstIndex(_ region: UInt64) -> UInt64 { index(of: region).first }
  package func lastIndex(_ region: UInt64) -> UInt64 { index(of: region).last }

  package func term(_ region: UInt64, at index: UInt64) throws(LogStoreError) -> UInt64 {
    try self.index(of: region).term(at: index)
  }

  package func hardState(_ region: UInt64) -> HardState { index(of: region).hardState }

  package func truncated(_ region: UInt64) -> (index: UInt64, term: UInt64) {
    index(of: region).dummy
  }

  package func openedBytes(_ region: UInt64) -> UInt64 {
    shared.withLock { $0.openedBytes[region] } ?? 0
  }

  package func regions() -> [UInt64] {
    shared.withLock { $0.storages }.filter { !$0.value.present.meta.isDestroyed }.keys.sorted()
  }

  package func tombstones() -> [UInt64] {
    shared.withLock { $0.storages }.filter { $0.value.present.meta.tombstone != nil }.keys.sorted()
  }

  package func entries(
    _ region: UInt64, from: UInt64, to: UInt64, maxBytes: UInt64
  ) throws(LogStoreError) -> [Entry] {
    guard let storage = try reading({ $0.storages[region] }) else {
      try RegionIndex().checkRange(from: from, to: to)
      return []
    }
    return try storage.entries(from: from, to: to, maxBytes: maxBytes)
  }

  // MARK: Values of the owner

  private func pairs(_ region: UInt64) throws(LogStoreError) -> [SegmentRegion.Pair] {
    try reading { $0.storages[region] }?.present.meta.pairs ?? []
  }

  package func value(_ region: UInt64, key: [UInt8]) throws(LogStoreError) -> [UInt8]? {
    try pairs(region).first { $0.key == key }?.value
  }

  package func tombstone(_ region: UInt64) throws(LogStoreError) -> [UInt8]? {
    try reading { $0.storages[region] }?.present.meta.tombstone
  }

  package func scan(
    _ region: UInt64, from: [UInt8], to: [UInt8]?, _ body: ([UInt8], [UInt8]) -> Bool
  ) throws(LogStoreError) {
    for pair in try pairs(region).drop(while: { $0.key.lexicographicallyPrecedes(from) }) {
      if let to, !pair.key.lexicographicallyPrecedes(to) { return }
      guard body(pair.key, pair.value) else { return }
    }
  }

  // MARK: Maintenance

  package func hold(_ region: UInt64, from index: UInt64) -> LogHold {
    shared.withLock { $0.holds.hold(region, from: index) }
  }

  package func release(_ hold: LogHold) {
    shared.withLock { $0.holds.release(hold) }
  }

  /// Also makes everything durable: files are removed only then.
  @discardableResult
  package func purge() throws(LogStoreError) -> [LogPurgeAdvice] {
    try changing { (writer) throws(LogStoreError) in
      let (storages, holds) = shared.withLock { ($0.storages, $0.holds) }
      for (region, storage) in storages {
        let index = storage.present.index
        guard index.lowest < index.first else { continue }
        try storage.purge(
          keeping: holds.deletable(region, truncatedAt: index.dummy.index) + 1)
      }
      try barrier(&writer)
    }
    guard try usedBytes() >= 1 << 30 else { return [] }
    return LogPurgeAdvice.largest(
      of: shared.withLock { $0.storages }.mapValues { $0.present.index })
  }

  package func usedBytes() throws(LogStoreError) -> UInt64 {
    var bytes: UInt64 = 0
    for storage in try reading({ $0.storages }).values { bytes += try storage.contentBytes }
    return bytes
  }

  /// Copies all files; writes wait.
  @discardableResult
  package func checkpoint(to target: String) throws(LogStoreError) -> UInt64 {
    try changing { (writer) throws(LogStoreError) in
      let exists = try performing { () throws(FileSystemError) in
        try files.exists(target + "/store.meta")
      }
      guard !exists else {
        throw .io(operation: "checkpoint to \(target)", reason: "it exists already")
      }
      try barrier(&writer)
      for (region, storage) in shared.withLock({ $0.storages }) {
        try storage.copy(to: "\(target)/\(region)", files)
      }
      // Last: a copy without it is not opened.
      let content = try performing { () throws(FileSystemError) in
        try files.contents(of: path + "/store.meta")
      }
      try performing { () throws(FileSystemError) in
        try files.createDirectory(target)
        let file = try files.openRandomAccess(
          target + "/store.meta", create: true, readOnly: false)
        try file.write(content, at: 0)
        try file.sync()
        try files.syncDirectory(target)
      }
      return writer.lsn
    }
  }

  package func verify(deep: Bool) throws(LogStoreError) {
    try changing { (_) throws(LogStoreError) in
      for storage in shared.withLock({ $0.storages }).values { try storage.verify(deep: deep) }
    }
  }
}
