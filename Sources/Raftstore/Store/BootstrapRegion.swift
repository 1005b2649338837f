import Codec

/// Where the log of a region begins that was not made by a snapshot.
enum BootstrapRegion {
  static let index: UInt64 = 5
  static let term: UInt64 = 5
}
