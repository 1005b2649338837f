/// The stable part of a log, as the core reads it: etcd's `Storage`. The owner of the node writes it.
///
/// Called on the thread of the node. Results must include everything that was reported to the node as
/// stored. Any error but those described ends the node.
package protocol LogStorage: AnyObject {
  /// Hard state and membership at start.
  func initialState() throws(LogStorageError) -> (HardState, ConfState)

  /// Entries `lo..<hi`, cut to the longest prefix of at most `maxSize` encoded bytes, but at least one
  /// entry. Throws `compacted` if `lo` is below the first index, `unavailable` if `hi - 1` is above the last.
  func entries(
    from lo: UInt64, to hi: UInt64, maxSize: UInt64
  ) throws(LogStorageError) -> [Entry]

  /// The term of the entry at `index`, from one below the first index to the last. Throws `compacted` or
  /// `unavailable` outside of that.
  func term(at index: UInt64) throws(LogStorageError) -> UInt64

  /// The first index in storage. Entries below it are compacted.
  func firstIndex() -> UInt64

  /// The last index in storage; one below the first if there are no entries.
  func lastIndex() -> UInt64

  /// The most recent snapshot, for a peer that needs compacted entries. Throws
  /// `snapshotTemporarilyUnavailable` while one is generated; the leader then retries.
  func snapshot() throws(LogStorageError) -> Snapshot
}

/// An error of a log storage.
package enum LogStorageError: Error, Sendable, Equatable {
  /// The index is below the first one in storage.
  case compacted
  /// The index is above the last one in storage.
  case unavailable
  /// Storage holds a newer snapshot.
  case snapshotOutOfDate
  /// A snapshot is being generated; retry later.
  case snapshotTemporarilyUnavailable
  /// The disk failed; the text says how.
  case failed(String)
  /// Stored entries are not what was written; the text says which.
  case damaged(String)
}

extension LogStorageError: CustomStringConvertible {
  package var description: String {
    switch self {
    case .compacted: "requested index is unavailable due to compaction"
    case .unavailable: "requested entry at index is unavailable"
    case .snapshotOutOfDate: "requested index is older than the existing snapshot"
    case .snapshotTemporarilyUnavailable: "snapshot is temporarily unavailable"
    case .failed(let text), .damaged(let text): text
    }
  }
}
