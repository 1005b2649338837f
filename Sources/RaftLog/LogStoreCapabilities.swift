/// Optional guarantees of a log store.
package struct LogStoreCapabilities: OptionSet, Sendable {
  package let rawValue: UInt32

  package init(rawValue: UInt32) { self.rawValue = rawValue }

  /// A batch is atomic over all its regions.
  package static let crossRegionAtomic = Self(rawValue: 1)
  /// One barrier serves all regions of a batch.
  package static let sharedBarrier = Self(rawValue: 2)
  /// `checkpoint(to:)` works while the store is written.
  package static let onlineCheckpoint = Self(rawValue: 4)
}
