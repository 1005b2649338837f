/// The use of a snapshot's files while they are registered.
enum SnapshotActivity: Int, CaseIterable, Sendable, Hashable {
  case generating, sending, receiving, applying
}

/// The files of one snapshot of one origin: what is registered, counted and deleted together.
struct SnapshotFileSet: Sendable, Hashable, Comparable {
  var key: SnapshotKey
  var origin: SnapshotOrigin

  /// By key; of one key what was received comes first.
  static func < (left: SnapshotFileSet, right: SnapshotFileSet) -> Bool {
    if left.key != right.key { return left.key < right.key }
    return left.origin == .received && right.origin == .generated
  }
}
