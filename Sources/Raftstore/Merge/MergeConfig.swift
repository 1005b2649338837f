/// When regions are merged, and how often a merge that is under way is looked after. Names are TiKV's.
package struct MergeConfig: Sendable {
  /// How often a peer whose region is merging looks what has become of the merge.
  package var checkInterval: Duration = .seconds(2)
  /// Entries that the slowest member of a region may lack for a merge of the region to begin. They are in the entry
  /// that commits the merge.
  package var maxLogGap: UInt64 = 10

  /// The first setting that cannot work, in words; nil when all are fine.
  func problem() -> String? {
    if checkInterval <= .zero { return "merge-check-tick-interval must be positive" }
    if maxLogGap < 1 || maxLogGap > 1024 {
      return "merge-max-log-gap must be from 1 to 1024, not \(maxLogGap)"
    }
    return nil
  }
}
