import Codec

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
}
