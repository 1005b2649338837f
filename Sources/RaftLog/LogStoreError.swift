/// An error of a log store.
package enum LogStoreError: Error, Sendable, Hashable {
  /// The index is below the first one of the log, `first`.
  case compacted(first: UInt64)
  /// The index is above the last one of the log, `last`.
  case unavailable(last: UInt64)
  /// The reset is not above the truncated index, which is given with its term. Nothing was changed.
  case snapshotOutOfDate(currentIndex: UInt64, currentTerm: UInt64)
  /// An append would leave a gap. Nothing was changed.
  case gap(region: UInt64, expected: UInt64, got: UInt64)
  /// The batch breaks a rule of `LogBatch`. Nothing was changed.
  case invalidBatch(region: UInt64, reason: String)
  /// The batch exceeds the size limit of the store, in bytes. Nothing was changed.
  case batchTooLarge(limit: Int)
  /// The disk is full.
  case noSpace(String)
  /// Stored data is not what was written; `location` names the file, key or region.
  case corrupted(location: String, reason: String)
  /// The directory is in use by another process or store.
  case locked(path: String, reason: String)
  /// The directory cannot be read or written by this user.
  case denied(path: String, reason: String)
  /// The log belongs to another store.
  case foreignStore(expected: LogStoreIdentity, found: LogStoreIdentity)
  /// The log was written in a newer format, of this version.
  case newerFormat(UInt64)
  /// An earlier write or sync has failed with this message. What is durable is unknown until the store is opened
  /// again.
  case poisoned(String)
  /// The store was closed before the call.
  case closed
  /// The disk failed. After a write or sync the store is poisoned.
  case io(operation: String, reason: String)
  /// The file is encrypted by a key that is not configured, or by another one of the same id. Nothing was changed.
  case wrongKey(path: String, reason: String)
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
    case .wrongKey(let path, let reason): "raft log \(path) cannot be decrypted: \(reason)"
    }
  }
}
