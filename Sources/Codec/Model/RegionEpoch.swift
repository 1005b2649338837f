/// How often a region changed its members (`confVersion`) and its range (`version`).
package struct RegionEpoch: Sendable, Hashable {
  package var confVersion: UInt64
  package var version: UInt64

  package init(confVersion: UInt64 = 0, version: UInt64 = 0) {
    self.confVersion = confVersion
    self.version = version
  }

  /// The epoch of a region that was just bootstrapped.
  package static let initial = RegionEpoch(confVersion: 1, version: 1)

  /// Whether either component is behind `other`'s.
  package func isStale(comparedTo other: RegionEpoch) -> Bool {
    version < other.version || confVersion < other.confVersion
  }
}

extension RegionEpoch: CustomStringConvertible {
  package var description: String { "\(confVersion)/\(version)" }
}
