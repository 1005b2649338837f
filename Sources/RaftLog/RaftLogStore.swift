package import Raft
package import Runtime

/// The raft logs of all regions of a store: entries, hard states, truncated states, and a few values of the owner.
///
/// The log of a region consists of the truncated index `t` with its term (0 and 0 in a new log), entries `t + 1`
/// to the last index without a gap, and a hard state. Terms of entries do not decrease, and the commit index is
/// at most the last index.
///
/// - Threads: any thread may call. Writes are serialized. A read sees every write whose call has returned.
/// - Blocking: calls wait for the disk, except those marked "No I/O".
/// - Durability: `write` with `.synced`, `sync` and `close` are barriers: what was written before is durable when
///   they return. After a crash a prefix of the writes is there that contains all durable ones.
/// - Errors: a failed barrier poisons the store; a failed write may. Later writes throw `poisoned`; reads still work. What is
///   durable is known only after it is opened again, so the process must not acknowledge anything any more.
package protocol RaftLogStore: AnyObject, Sendable {
  /// The optional guarantees of this implementation. Constant.
  var capabilities: LogStoreCapabilities { get }

  /// The store that the logs belong to; nil before the first `bind`.
  func identity() throws(LogStoreError) -> LogStoreIdentity?
  /// Records durably which store the logs belong to. Throws `foreignStore` if they belong to another one.
  func bind(_ identity: LogStoreIdentity) throws(LogStoreError)

  /// Applies the batch atomically: completely or, if it throws, not at all. An empty batch does nothing, not even a
  /// barrier.
  ///
  /// Throws `gap`, `invalidBatch`, `snapshotOutOfDate` or `batchTooLarge` for a batch that breaks a rule. Nothing
  /// has changed then, and the store is not poisoned.
  func write(_ batch: LogBatch, _ durability: Durability) throws(LogStoreError) -> LogReceipt

  /// Makes everything written so far durable, and returns the LSN up to which it is.
  @discardableResult
  func sync() throws(LogStoreError) -> UInt64

  /// The first index of the log: one above the truncated index; 1 if there is no log. No I/O.
  func firstIndex(_ region: UInt64) -> UInt64
  /// The last index of the log; the truncated index if it is empty. No I/O.
  func lastIndex(_ region: UInt64) -> UInt64
  /// The term at an index from the truncated index to the last. Throws `compacted` or `unavailable` outside of
  /// that. No I/O.
  func term(_ region: UInt64, at index: UInt64) throws(LogStoreError) -> UInt64
  /// Term, vote and commit index; all 0 if there are none. No I/O.
  func hardState(_ region: UInt64) -> HardState
  /// The truncated index, the last one that is no longer in the log, and its term. No I/O.
  func truncated(_ region: UInt64) -> (index: UInt64, term: UInt64)

  /// About the bytes of the region's entries when the store was opened; 0 for a log created since. The owner counts
  /// what is written later. No I/O.
  func openedBytes(_ region: UInt64) -> UInt64

  /// The entries in `[from, to)`, cut to the longest prefix of at most `maxBytes` encoded bytes, but at least one
  /// unless the range is empty. Throws `compacted` if `from` is below the first index, `unavailable` if `to` is
  /// more than one above the last.
  func entries(
    _ region: UInt64, from: UInt64, to: UInt64, maxBytes: UInt64
  ) throws(LogStoreError) -> [Entry]

  /// The owner's value under `key`; nil if there is none.
  func value(_ region: UInt64, key: [UInt8]) throws(LogStoreError) -> [UInt8]?
  /// Calls `body` with the owner's keys in `[from, to)` and their values, in order, until it returns false.
  ///
  /// - Parameter to: nil: no bound.
  func scan(
    _ region: UInt64, from: [UInt8], to: [UInt8]?, _ body: ([UInt8], [UInt8]) -> Bool
  ) throws(LogStoreError)
  /// The tombstone of a destroyed region; nil if there is none.
  func tombstone(_ region: UInt64) throws(LogStoreError) -> [UInt8]?

  /// The destroyed regions that have a tombstone, ascending. No I/O.
  func tombstones() -> [UInt64]

  /// Why the log of a region cannot be relied on: parts of it could not be read when the store was opened. Also for a
  /// region without a log, if damage was found that belongs to no known region: it may have had one. Nil if nothing is
  /// known against it. Such a log may be destroyed and nothing else. No I/O.
  func damage(of region: UInt64) -> String?

  /// The regions that have a log, a hard state or keys, ascending. No I/O.
  func regions() -> [UInt64]

  /// Keeps the entries from `index` on from being deleted, also when the log is compacted beyond, until the hold is
  /// released. Holds do not survive a restart. No I/O.
  ///
  /// Reads of entries below the first index throw `compacted` all the same.
  func hold(_ region: UInt64, from index: UInt64) -> LogHold
  /// Ends a hold; a second call has no effect. The entries are deleted by the next compaction or `purge`. No I/O.
  func release(_ hold: LogHold)

  /// Deletes the compacted entries that holds have kept, and returns the regions whose logs take the most space and
  /// should be compacted, largest first; none while the store is small.
  @discardableResult
  func purge() throws(LogStoreError) -> [LogPurgeAdvice]

  /// Creates a copy that can be opened by itself, at a path that must not exist. Returns the LSN of its last write.
  @discardableResult
  func checkpoint(to path: String) throws(LogStoreError) -> UInt64

  /// Reads the stored data and throws `corrupted` if it is inconsistent.
  ///
  /// - Parameter deep: whether every entry is decoded completely.
  func verify(deep: Bool) throws(LogStoreError)

  /// Bytes on disk and in memory not yet written to it.
  func usedBytes() throws(LogStoreError) -> UInt64

  /// Makes everything durable and releases the directory. Later calls throw `closed`; a second call does nothing.
  func close() throws(LogStoreError)
}

extension RaftLogStore {
  /// The default is for stores that open only without damage.
  package func damage(of region: UInt64) -> String? { nil }
}

/// Optional guarantees of a log store.
package struct LogStoreCapabilities: OptionSet, Sendable {
  package let rawValue: UInt32

  package init(rawValue: UInt32) { self.rawValue = rawValue }

  /// A batch is atomic across regions, not only within each.
  package static let crossRegionAtomic = Self(rawValue: 1)
  /// A batch of many regions costs one barrier.
  package static let sharedBarrier = Self(rawValue: 2)
  /// `checkpoint(to:)` works while other threads write.
  package static let onlineCheckpoint = Self(rawValue: 4)
}

/// The cluster and store that own a raft log.
package struct LogStoreIdentity: Sendable, Hashable, CustomStringConvertible {
  package var clusterID: UInt64
  package var storeID: UInt64

  package init(clusterID: UInt64, storeID: UInt64) {
    self.clusterID = clusterID
    self.storeID = storeID
  }

  package var description: String { "store \(storeID) of cluster \(clusterID)" }
}

/// The result of a write.
package struct LogReceipt: Sendable, Hashable {
  /// The number of the write. Writes are numbered from 1, without gaps, since the store was opened. An empty batch has
  /// the number of the write before it.
  package var lsn: UInt64
  /// All writes up to this number are durable.
  package var durableLSN: UInt64
  /// About the bytes written to the log of the store.
  package var bytes: Int

  package init(lsn: UInt64, durableLSN: UInt64, bytes: Int) {
    self.lsn = lsn
    self.durableLSN = durableLSN
    self.bytes = bytes
  }
}

/// Prevents entries from being deleted until it is passed to `release(_:)`.
package struct LogHold: Sendable, Hashable {
  package var region: UInt64
  /// Unique among the holds of a store.
  package var token: UInt64

  package init(region: UInt64, token: UInt64) {
    self.region = region
    self.token = token
  }
}

/// A region whose log should be compacted.
package struct LogPurgeAdvice: Sendable, Hashable {
  package var region: UInt64
  /// The index up to which compaction would free space: its last.
  package var compactTo: UInt64
  /// Entries that compaction would free.
  package var pinnedEntries: UInt64

  package init(region: UInt64, compactTo: UInt64, pinnedEntries: UInt64) {
    self.region = region
    self.compactTo = compactTo
    self.pinnedEntries = pinnedEntries
  }
}

extension LogPurgeAdvice {
  /// The logs with the most entries, largest first.
  static func largest(of indexes: [UInt64: RegionIndex]) -> [LogPurgeAdvice] {
    let all = indexes.map { region, index in
      LogPurgeAdvice(
        region: region, compactTo: index.last, pinnedEntries: index.last - index.dummy.index)
    }
    let sorted = all.filter { $0.pinnedEntries > 0 }
      .sorted { ($1.pinnedEntries, $0.region) < ($0.pinnedEntries, $1.region) }
    return Array(sorted.prefix(16))
  }
}
