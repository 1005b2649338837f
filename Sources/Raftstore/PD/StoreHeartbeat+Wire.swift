package import Wire

extension StoreHeartbeat {
  /// The report as `pdpb` has it.
  package var wire: Pdpb_StoreStats {
    .with {
      $0.storeID = storeID
      $0.capacity = capacity
      $0.available = available
      $0.usedSize = usedSize
      $0.regionCount = UInt32(clamping: regionCount)
      $0.sendingSnapCount = UInt32(clamping: sendingSnapshots)
      $0.receivingSnapCount = UInt32(clamping: receivingSnapshots)
      $0.applyingSnapCount = UInt32(clamping: applyingSnapshots)
      $0.startTime = UInt32(clamping: startTime)
      $0.isBusy = isBusy
    }
  }
}
