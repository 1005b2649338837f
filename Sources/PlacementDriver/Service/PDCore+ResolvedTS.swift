import Codec

// The timestamp up to which all regions are resolved: no transaction commits at or before it any more. PD's
// `min_resolved_ts`. It is in memory only, and known again once all stores have reported.
extension PDCore {
  /// Takes in what a store reports of the regions it leads. An older timestamp than its last one changes nothing.
  package func reportMinResolvedTS(_ timestamp: UInt64, storeID: UInt64) throws(PDError) {
    try requireBootstrapped()
    guard let store = stores[storeID] else {
      throw PDError(refusal: .unknown, "invalid store ID \(storeID), not found")
    }
    try refuseTombstone(store)
    // It could never be taken back.
    guard timestamps.mayHaveGiven(timestamp) else {
      throw PDError(
        refusal: .invalidValue,
        "invalid resolved timestamp \(timestamp) of store \(storeID): it is later than all timestamps given"
      )
    }
    stores.update(storeID) { $0.minResolvedTS = max($0.minResolvedTS, timestamp) }
    // A region without a known leader may be resolved less far than any store has reported.
    guard regions.ledCount == regions.count else { return }
    var lowest: UInt64?
    for record in stores.records
    where record.info.state != .tombstone && regions.load(ofStore: record.id).leaders > 0 {
      lowest = min(lowest ?? .max, record.minResolvedTS)
    }
    stores.minResolvedTS = max(stores.minResolvedTS, lowest ?? 0)
  }

  /// The lowest resolved timestamp of a store's regions, or of all regions if `storeID` is nil; 0 if it is not known.
  package func minResolvedTS(storeID: UInt64?) throws(PDError) -> UInt64 {
    guard let storeID else { return stores.minResolvedTS }
    return try existing(storeID).minResolvedTS
  }
}
