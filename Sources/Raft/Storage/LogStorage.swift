/// The stable part of a log, as the core reads it. Writing it is the owner's work.
package protocol LogStorage: AnyObject {
  /// The hard state and membership found at start.
  func initialState() throws(LogStorageError) -> (HardState, ConfState)

  /// Entries `lo..<hi`, cut to the longest prefix of at most `maxSize` encoded bytes, but never
  /// to less than one entry.
  func entries(
    from lo: UInt64, to hi: UInt64, maxSize: UInt64
  ) throws(LogStorageError) -> [Entry]

  /// The term of the entry at `index`, which may be the one just below the first.
  func term(at index: UInt64) throws(LogStorageError) -> UInt64

  /// The first index kept.
  func firstIndex() -> UInt64

  /// The last index kept; one below the first if there is none.
  func lastIndex() -> UInt64

  /// The most recent snapshot, to be sent to a peer that is too far behind.
  func snapshot() throws(LogStorageError) -> Snapshot
}

/// Why a log storage cannot respond.
package enum LogStorageError: Error, Sendable, Equatable {
  /// The index lies below the first one kept.
  case compacted
  /// The index lies beyond the last one.
  case unavailable
  /// A newer snapshot is already there.
  case snapshotOutOfDate
  /// A snapshot is being made; ask again later.
  case snapshotTemporarilyUnavailable
  /// The medium failed.
  case failed(String)
}

extension LogStorageError: CustomStringConvertible {
  package var description: String {
    switch self {
    case .compacted: "requested index is unavailable due to compaction"
    case .unavailable: "requested entry at index is unavailable"
    case .snapshotOutOfDate: "requested index is older than the existing snapshot"
    case .snapshotTemporarilyUnavailable: "snapshot is temporarily unavailable"
    case .failed(let text): text
    }
  }
}
