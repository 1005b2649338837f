import Codec

/// The initial state of a peer that is loaded at start or created by a message.
struct PeerSeed: Sendable {
  var region: Region
  var info: PeerInfo
  var applyState: ApplyState
  /// A snapshot whose data is not in place yet: a crash interrupted it.
  var unfinishedSnapshot: SnapshotKey?
  /// Its data was lost: see `DataRecovery`.
  var recovery: DataRecovery?
}
