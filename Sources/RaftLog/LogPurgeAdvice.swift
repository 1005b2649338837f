/// A region whose log should be compacted, and up to where.
package struct LogPurgeAdvice: Sendable, Hashable {
  package var region: UInt64
  package var compactTo: UInt64
  package var pinnedEntries: UInt64

  package init(region: UInt64, compactTo: UInt64, pinnedEntries: UInt64) {
    self.region = region
    self.compactTo = compactTo
    self.pinnedEntries = pinnedEntries
  }
}
