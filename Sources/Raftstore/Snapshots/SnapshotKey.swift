/// Identifies one snapshot: the region and the last entry it includes.
package struct SnapshotKey: Sendable, Hashable, Comparable {
  package var regionID: UInt64
  package var term: UInt64
  package var index: UInt64

  package init(regionID: UInt64, term: UInt64, index: UInt64) {
    self.regionID = regionID
    self.term = term
    self.index = index
  }

  package static func < (left: SnapshotKey, right: SnapshotKey) -> Bool {
    (left.regionID, left.term, left.index) < (right.regionID, right.term, right.index)
  }
}

extension SnapshotKey: CustomStringConvertible {
  package var description: String { "\(regionID)_\(term)_\(index)" }
}

/// Whether a snapshot was made here for sending, or received from a leader.
package enum SnapshotOrigin: String, Sendable, Hashable {
  case generated = "gen"
  case received = "rev"
}

/// A finished snapshot as the raft core needs it.
package struct GeneratedSnapshot: Sendable {
  package var key: SnapshotKey
  /// An encoded `RaftSnapshotData`: the region and the files' sizes and checksums.
  package var data: [UInt8]

  package init(key: SnapshotKey, data: [UInt8]) {
    self.key = key
    self.data = data
  }
}

/// Files of a snapshot that no one has registered.
package struct IdleSnapshot: Sendable, Hashable {
  package var key: SnapshotKey
  package var origin: SnapshotOrigin
  /// Milliseconds since 1970 when its meta file was written; 0 when it has none.
  package var modified: UInt64

  package init(key: SnapshotKey, origin: SnapshotOrigin, modified: UInt64) {
    self.key = key
    self.origin = origin
    self.modified = modified
  }
}

/// Why a snapshot could not be made, kept, sent or applied.
package enum SnapshotError: Error, Sendable, Hashable, CustomStringConvertible {
  case notFound(SnapshotKey)
  /// A file is not what its meta says; names the file.
  case corrupted(path: String, reason: String)
  /// The same snapshot is being received or built already.
  case inProgress(SnapshotKey)
  /// Limits of concurrency or space are reached; try again later.
  case busy(String)
  case stale(String)
  case io(String)
  /// The data that it is made from is not what was written.
  case damaged(String)

  package var description: String {
    switch self {
    case .notFound(let key): "snapshot \(key) not found"
    case .corrupted(let path, let reason): "snapshot file \(path) is corrupted: \(reason)"
    case .inProgress(let key): "snapshot \(key) is already being worked on"
    case .busy(let reason): "snapshot refused for now: \(reason)"
    case .stale(let reason): "snapshot is stale: \(reason)"
    case .io(let reason): "snapshot: \(reason)"
    case .damaged(let reason): "the data of the snapshot is damaged: \(reason)"
    }
  }
}
