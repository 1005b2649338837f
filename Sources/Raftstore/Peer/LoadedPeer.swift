import Codec

/// The state from which a peer begins: loaded at start, or new when a message or a split creates the peer.
struct LoadedPeer: Sendable {
  var region: Region
  var info: PeerInfo
  var applyState: ApplyState
  /// A snapshot whose data is not in place yet: a crash interrupted it.
  var unfinishedSnapshot: SnapshotKey?
  /// Its data was lost: see `DataRecovery`.
  var recovery: DataRecovery?
  /// It is fenced, and stays so: see `PeerHealth`.
  var damage: PeerDamage?
  /// Where its local reads are checked; nil: it makes one.
  var delegate: ReadDelegate?
  /// The merge of the region that is prepared; nil: none is.
  var merge: MergeState?

  /// The peer as it is with an empty log that begins behind what it has applied.
  var withoutLog: LoadedPeer {
    var peer = self
    peer.applyState.truncatedIndex = applyState.appliedIndex
    peer.applyState.truncatedTerm = applyState.commitTerm
    peer.unfinishedSnapshot = nil
    return peer
  }
}

/// A snapshot that replaces this peer's log and data, and the stage it has reached.
struct IncomingSnapshot: Equatable {
  enum Stage: Equatable {
    /// The core has it; nothing is stored yet.
    case stepped
    /// The log writer has it as the task of this number.
    case persisting(number: UInt64)
    /// The region worker puts the data in place.
    case applying
  }

  var key: SnapshotKey
  var region: Region
  var stage: Stage
  /// Regions with keys of the snapshot that were asked to make way, and those that have.
  var asked: Set<UInt64> = []
  var released: Set<UInt64> = []
}
