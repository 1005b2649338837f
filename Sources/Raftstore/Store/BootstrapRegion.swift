import Codec

/// Where the log of a region begins that was not made by a snapshot.
enum BootstrapRegion {
  static let index: UInt64 = 5
  static let term: UInt64 = 5

  /// The state of a peer that has applied nothing of such a log.
  static let applyState = ApplyState(
    appliedIndex: index, truncatedIndex: index, truncatedTerm: term, commitIndex: index,
    commitTerm: term)
}
