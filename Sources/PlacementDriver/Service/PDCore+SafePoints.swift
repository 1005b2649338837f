import Codec
package import Wire

extension PDCore {
  /// `GetGCSafePoint`: no version older than it is read again. A timestamp; 0 before the first
  /// update.
  package func getGCSafePoint(
    _ request: Pdpb_GetGCSafePointRequest, _ reading: ClockReading
  ) throws(PDError) -> Pdpb_GetGCSafePointResponse {
    try answer(request) { (response) in response.safePoint = safePoints.gcSafePoint }
  }

  /// `UpdateGCSafePoint`: moves the safe point forward only, and returns the one in force.
  package func updateGCSafePoint(
    _ request: Pdpb_UpdateGCSafePointRequest, _ reading: ClockReading
  ) throws(PDError) -> Pdpb_UpdateGCSafePointResponse {
    try answer(request) { (response) throws(PDError) in
      response.newSafePoint = try safePoints.update(to: request.safePoint, &storage)
    }
  }

  /// `UpdateServiceGCSafePoint`: sets or removes (a TTL of 0 or less) a service's safe point and
  /// returns the lowest one.
  package func updateServiceGCSafePoint(
    _ request: Pdpb_UpdateServiceGCSafePointRequest, _ reading: ClockReading
  ) throws(PDError) -> Pdpb_UpdateServiceGCSafePointResponse {
    try answer(request) { (response) throws(PDError) in
      let seconds = seconds(reading)
      let oldest = try safePoints.updateService(
        [UInt8](request.serviceID), ttl: request.ttl, safePoint: request.safePoint, at: seconds,
        config.limits, &storage)
      response.serviceID = oldest.id.data
      response.ttl = oldest.timeToLive(at: seconds)
      response.minSafePoint = oldest.safePoint
    }
  }

  /// `GetGCState`: the GC and transaction safe points of a keyspace.
  package func getGCState(
    _ request: Pdpb_GetGCStateRequest, _ reading: ClockReading
  ) throws(PDError) -> Pdpb_GetGCStateResponse {
    try answer(request) { (response) in
      if request.hasKeyspaceScope { response.gcState.keyspaceScope = request.keyspaceScope }
      response.gcState.isKeyspaceLevelGc = false
      response.gcState.txnSafePoint = safePoints.txnSafePoint
      response.gcState.gcSafePoint = safePoints.gcSafePoint
      guard !request.excludeGcBarriers else { return }
      let seconds = seconds(reading)
      response.gcState.gcBarriers = safePoints.barriers(at: seconds).map { service in
        var barrier = Pdpb_GCBarrierInfo()
        barrier.barrierID = String(decoding: service.id, as: UTF8.self)
        barrier.barrierTs = service.safePoint
        barrier.ttlSeconds = service.timeToLive(at: seconds)
        return barrier
      }
    }
  }

  /// `AdvanceTxnSafePoint`: moves it forward as far as services' safe points allow, and says which
  /// one holds it back.
  package func advanceTxnSafePoint(
    _ request: Pdpb_AdvanceTxnSafePointRequest, _ reading: ClockReading
  ) throws(PDError) -> Pdpb_AdvanceTxnSafePointResponse {
    try answer(request) { (response) throws(PDError) in
      response.oldTxnSafePoint = safePoints.txnSafePoint
      let blocker = try safePoints.advanceTxn(
        to: request.target, at: seconds(reading), &storage)
      response.newTxnSafePoint = safePoints.txnSafePoint
      if let blocker {
        let name = String(decoding: blocker.id, as: UTF8.self)
        response.blockerDescription = "service \(name) needs versions from \(blocker.safePoint)"
      }
    }
  }

  /// `AdvanceGCSafePoint`: moves it forward, never beyond the transaction safe point.
  package func advanceGCSafePoint(
    _ request: Pdpb_AdvanceGCSafePointRequest, _ reading: ClockReading
  ) throws(PDError) -> Pdpb_AdvanceGCSafePointResponse {
    try answer(request) { (response) throws(PDError) in
      response.oldGcSafePoint = safePoints.gcSafePoint
      try safePoints.advanceGC(to: request.target, &storage)
      response.newGcSafePoint = safePoints.gcSafePoint
    }
  }

  private func seconds(_ reading: ClockReading) -> Int64 {
    Int64(clamping: reading.wallMilliseconds / 1000)
  }
}
