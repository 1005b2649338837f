/// Why a log store could not do what it was asked.
package enum LogStoreError: Error, Sendable, Hashable {
  /// The index is below the first one kept.
  case compacted(first: UInt64)
  /// The index is above the last one written.
  case unavailable(last: UInt64)
  /// The reset leads back behind what the log already holds as its start.
  case snapshotOutOfDate(currentIndex: UInt64, currentTerm: UInt64)
  /// An append leaves a hole. Nothing was changed.
  case gap(region: UInt64, expected: UInt64, got: UInt64)
  /// The batch breaks a rule of the contract. Nothing was changed.
  case invalidBatch(region: UInt64, reason: String)
  /// The batch is larger than the store takes. Nothing was changed.
  case batchTooLarge(limit: Int)
  /// The disk is full.
  case noSpace(String)
  /// Stored bytes are not what was written; `location` names the file or key.
  case corrupted(location: String, reason: String)
  /// The directory is in use.
  case locked(path: String, reason: String)
  /// The directory cannot be read or written by this user.
  case denied(path: String, reason: String)
  /// The directory belongs to another store.
  case foreignStore(expected: LogStoreIdentity, found: LogStoreIdentity)
  /// The directory was written by a newer version.
  case newerFormat(UInt64)
  /// A barrier has failed: what is durable is unknown, and only a restart finds out.
  case poisoned(String)
  case closed
  case io(operation: String, reason: String)
}

extension LogStoreError: CustomStringConvertible {
  package var description: String {
    switch self {
    case .compacted(let first): "raft log is compacted, its first index is \(first)"
    case .unavailable(let last): "raft log ends at index \(last)"
    case .snapshotOutOfDate(let index, let term):
      "raft log already starts at index \(index) of term \(term)"
    case .gap(let region, let expected, let got):
      "append to region \(region) at index \(got) leaves a gap after \(expected &- 1)"
    case .invalidBatch(let region, let reason): "batch for region \(region) refused: \(reason)"
    case .batchTooLarge(let limit): "batch is larger than \(limit) bytes"
    case .noSpace(let reason): "no space for the raft log: \(reason)"
    case .corrupted(let location, let reason): "raft log is corrupted at \(location): \(reason)"
    case .locked(let path, let reason): "raft log \(path) is in use by another process: \(reason)"
    case .denied(let path, let reason): "raft log \(path) is not accessible: \(reason)"
    case .foreignStore(let expected, let found):
      "raft log belongs to \(found), not to \(expected)"
    case .newerFormat(let version): "raft log has format \(version), written by a newer version"
    case .poisoned(let reason): "raft log is stopped after a failed barrier: \(reason)"
    case .closed: "raft log is closed"
    case .io(let operation, let reason): "raft log: \(operation): \(reason)"
    }
  }
}
