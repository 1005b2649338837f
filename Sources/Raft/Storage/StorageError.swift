/// Why a log storage cannot answer.
package enum StorageError: Error, Sendable, Equatable {
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

extension StorageError: CustomStringConvertible {
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
