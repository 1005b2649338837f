package import Runtime

/// An error of an etcd WAL or of its snapshots. Nothing was changed, except by a write or sync that has failed.
package enum EtcdWALError: Error, Sendable, Hashable {
  /// The directory has a WAL already.
  case exists(path: String)
  /// No segment begins at or below the index of the snapshot.
  case notFound(path: String)
  /// A segment between others, or behind the ones that were found, does not exist.
  case missingSegment(path: String, sequence: UInt64)
  /// Another owner holds the lock of a segment.
  case locked(path: String)
  /// The end of the last segment is incomplete, as a crash leaves it. `EtcdWAL.repair` cuts it off.
  case torn(path: String, offset: UInt64, reason: String)
  /// Stored data is not what was written.
  case damaged(path: String, offset: UInt64, reason: String)
  /// The checksum of a record is wrong.
  case checksumMismatch(path: String, offset: UInt64)
  /// The file may be from a newer etcd: it has a record of this unknown type.
  case unknownRecord(path: String, offset: UInt64, type: UInt64)
  /// Segments have different metadata.
  case metadataConflict(path: String, offset: UInt64)
  /// The WAL has the snapshot's index with another term.
  case snapshotMismatch(path: String, offset: UInt64, index: UInt64)
  /// The WAL has no record of the snapshot at which it was to be opened.
  case snapshotNotFound(index: UInt64, term: UInt64)
  /// An entry leaves a gap behind the ones before it.
  case outOfRange(path: String, offset: UInt64, index: UInt64, expected: UInt64)
  /// A snapshot record without a membership.
  case invalidSnapshot(index: UInt64)
  /// No snapshot file can be used.
  case noSnapshot(path: String)
  /// An earlier write or sync has failed with this message.
  case poisoned(String)
  case files(FileSystemError)
}

extension EtcdWALError: CustomStringConvertible {
  package var description: String {
    switch self {
    case .exists(let path): "\(path) has a WAL already; open it, or choose another directory"
    case .notFound(let path):
      "\(path) has no WAL segment for the snapshot; restore the older segments, or an older copy"
    case .missingSegment(let path, let sequence):
      "\(path): WAL segment \(sequence) is missing; restore it, or replicate the log again"
    case .locked(let path): "\(path) is in use by another process; stop that one first"
    case .torn(let path, let offset, let reason):
      "\(path), offset \(offset): \(reason); repair the WAL to cut its incomplete end off"
    case .damaged(let path, let offset, let reason):
      "\(path), offset \(offset): \(reason); restore the file, or replicate the log again"
    case .checksumMismatch(let path, let offset):
      "\(path), offset \(offset): the checksum is wrong; restore the file, or replicate the log again"
    case .unknownRecord(let path, let offset, let type):
      "\(path), offset \(offset): unknown record type \(type); use a version that knows it"
    case .metadataConflict(let path, let offset):
      "\(path), offset \(offset): the metadata is not that of the segments before; remove the foreign file"
    case .snapshotMismatch(let path, let offset, let index):
      "\(path), offset \(offset): snapshot \(index) has another term; use a snapshot of this WAL"
    case .snapshotNotFound(let index, let term):
      "the WAL has no record of snapshot \(index) of term \(term); use a snapshot of this WAL"
    case .outOfRange(let path, let offset, let index, let expected):
      "\(path), offset \(offset): entry \(index) follows entry \(expected &- 1); restore the file, or "
        + "replicate the log again"
    case .invalidSnapshot(let index): "snapshot \(index) has no membership"
    case .noSnapshot(let path): "\(path) has no snapshot that can be used; restore one"
    case .poisoned(let reason): "the WAL is stopped after a failed write: \(reason); open it again"
    case .files(let error): "\(error)"
    }
  }
}

extension LogStoreError {
  init(_ error: EtcdWALError) {
    switch error {
    case .files(let error): self.init(error)
    case .locked(let path):
      self = .locked(path: path, reason: "another process or store holds its lock")
    case .poisoned(let reason): self = .poisoned(reason)
    case .exists(let path): self = .io(operation: "create \(path)", reason: "\(error)")
    case .unknownRecord(let path, let offset, _), .torn(let path, let offset, _),
      .damaged(let path, let offset, _), .checksumMismatch(let path, let offset),
      .metadataConflict(let path, let offset), .snapshotMismatch(let path, let offset, _),
      .outOfRange(let path, let offset, _, _):
      self = .corrupted(location: "\(path), offset \(offset)", reason: "\(error)")
    case .notFound(let path), .missingSegment(let path, _), .noSnapshot(let path):
      self = .corrupted(location: path, reason: "\(error)")
    case .snapshotNotFound, .invalidSnapshot:
      self = .corrupted(location: "WAL", reason: "\(error)")
    }
  }
}
