package import Raft
package import Runtime

/// Stores the raft logs of all regions of a store: entries, hard states, truncated states, and a few
/// other keys.
///
/// The log writer thread calls what writes; any thread may read, and sees every write whose call
/// has returned. Calls block for as long as the disk takes, except those said to do no I/O. After
/// a failed barrier the store is poisoned: writes throw, reads go on, and only opening it again
/// tells what has survived.
package protocol RaftLogStore: AnyObject, Sendable {
  var capabilities: LogStoreCapabilities { get }

  /// The store the logs belong to; nil before the first `bind`.
  func identity() throws(LogStoreError) -> LogStoreIdentity?
  /// Says whose logs these are, durably; throws `foreignStore` when they are another's.
  func bind(_ identity: LogStoreIdentity) throws(LogStoreError)

  /// Applies the batch as a whole or not at all. An empty batch costs nothing.
  func write(_ batch: LogBatch, _ durability: Durability) throws(LogStoreError) -> LogReceipt

  /// Makes everything written before durable, and tells up to which LSN that is.
  @discardableResult
  func sync() throws(LogStoreError) -> UInt64

  /// The first index in the log, one above its start. No I/O.
  func firstIndex(_ region: UInt64) -> UInt64
  /// The last index in the log; its start when it is empty. No I/O.
  func lastIndex(_ region: UInt64) -> UInt64
  /// The term at an index from the log's start to its end. No I/O.
  func term(_ region: UInt64, at index: UInt64) throws(LogStoreError) -> UInt64
  /// All zero when there is none. No I/O.
  func hardState(_ region: UInt64) -> HardState
  /// Where the log starts: the last index that is not in it any more, and its term. No I/O.
  func truncated(_ region: UInt64) -> (index: UInt64, term: UInt64)

  /// About the bytes of the entries that the log held when the store was opened; 0 for a log begun since.
  /// What is written afterwards its owner counts. No I/O.
  func openedBytes(_ region: UInt64) -> UInt64

  /// The entries of `[from, to)`, at least one unless the range is empty, cut where the sum of
  /// their encoded sizes would pass `maxBytes`.
  func entries(
    _ region: UInt64, from: UInt64, to: UInt64, maxBytes: UInt64
  ) throws(LogStoreError) -> [Entry]

  /// The owner's value under `key`.
  func value(_ region: UInt64, key: [UInt8]) throws(LogStoreError) -> [UInt8]?
  /// The owner's keys in `[from, to)` in order, until `body` responses false.
  func scan(
    _ region: UInt64, from: [UInt8], to: [UInt8]?, _ body: ([UInt8], [UInt8]) -> Bool
  ) throws(LogStoreError)
  /// What `destroy` has left, if anything.
  func tombstone(_ region: UInt64) throws(LogStoreError) -> [UInt8]?

  /// The regions that have a log, a hard state or keys, ascending. No I/O.
  func regions() -> [UInt64]

  /// Keeps entries from `index` on from being removed, whatever is compacted, until released.
  func hold(_ region: UInt64, from index: UInt64) -> LogHold
  func release(_ hold: LogHold)

  /// Frees what compaction has left behind, and names the regions that keep most from being freed.
  @discardableResult
  func purge() throws(LogStoreError) -> [LogPurgeAdvice]

  /// A copy that opens alone, at a path where nothing is yet; tells the LSN it ends at.
  @discardableResult
  func checkpoint(to path: String) throws(LogStoreError) -> UInt64

  /// Reads what is stored and checks that it fits together; `deep` reads every entry.
  func verify(deep: Bool) throws(LogStoreError)

  /// Bytes on disk, and in memory not yet there.
  func usedBytes() throws(LogStoreError) -> UInt64

  /// Makes everything durable and releases the directory. A second call does nothing.
  func close() throws(LogStoreError)
}

/// Optional guarantees of a log store.
package struct LogStoreCapabilities: OptionSet, Sendable {
  package let rawValue: UInt32

  package init(rawValue: UInt32) { self.rawValue = rawValue }

  /// A batch is atomic over all its regions.
  package static let crossRegionAtomic = Self(rawValue: 1)
  /// One barrier serves all regions of a batch.
  package static let sharedBarrier = Self(rawValue: 2)
  /// `checkpoint(to:)` works while the store is written.
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
  /// The write's number: writes are numbered densely from 1 on since the store was opened.
  package var lsn: UInt64
  /// Every write up to this number is durable.
  package var durableLSN: UInt64
  /// About the bytes passed to the store's log.
  package var bytes: Int

  package init(lsn: UInt64, durableLSN: UInt64, bytes: Int) {
    self.lsn = lsn
    self.durableLSN = durableLSN
    self.bytes = bytes
  }
}

/// Prevents entries from being removed until it is passed to `release(_:)`.
package struct LogHold: Sendable, Hashable {
  package var region: UInt64
  package var token: UInt64

  package init(region: UInt64, token: UInt64) {
    self.region = region
    self.token = token
  }
}

/// A region whose log should be compacted, and up to where.
package struct LogPurgeAdvice: Sendable, Hashable {
  package var region: UInt64
  package var compactTo: UInt64
  package var pinnedEntries: UInt64

  package init(region: UInt64, compactTo: UInt64, pinnedEntries: UInt64) {
    self.region = region
    self.compactTo = compactTo
    self.pinnedEntries = pinnedEntries
  }
}
