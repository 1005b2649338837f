import Codec
import PlacementDriver
import Runtime
import Wire

extension PDMethods {
  static func getGCSafePoint(
    _ core: PDCore, _ request: Pdpb_GetGCSafePointRequest, _ reading: ClockReading
  ) throws(PDError) -> Pdpb_GetGCSafePointResponse {
    try respond(core, request) { (response) throws(PDError) in
      response.safePoint = try core.gcSafePoint()
    }
  }

  static func updateGCSafePoint(
    _ core: PDCore, _ request: Pdpb_UpdateGCSafePointRequest, _ reading: ClockReading
  ) throws(PDError) -> Pdpb_UpdateGCSafePointResponse {
    try respond(core, request) { (response) throws(PDError) in
      response.newSafePoint = try core.updateGCSafePoint(to: request.safePoint)
    }
  }

  static func updateServiceGCSafePoint(
    _ core: PDCore, _ request: Pdpb_UpdateServiceGCSafePointRequest, _ reading: ClockReading
  ) throws(PDError) -> Pdpb_UpdateServiceGCSafePointResponse {
    try respond(core, request) { (response) throws(PDError) in
      let oldest = try core.updateServiceSafePoint(
        [UInt8](request.serviceID), ttl: request.ttl, safePoint: request.safePoint, reading)
      response.serviceID = oldest.id.data
      response.ttl = oldest.ttl
      response.minSafePoint = oldest.safePoint
    }
  }

  static func getGCState(
    _ core: PDCore, _ request: Pdpb_GetGCStateRequest, _ reading: ClockReading
  ) throws(PDError) -> Pdpb_GetGCStateResponse {
    try respond(core, request) { (response) throws(PDError) in
      let state = try core.gcState(reading)
      if request.hasKeyspaceScope { response.gcState.keyspaceScope = request.keyspaceScope }
      response.gcState.isKeyspaceLevelGc = false
      response.gcState.txnSafePoint = state.txnSafePoint
      response.gcState.gcSafePoint = state.gcSafePoint
      guard !request.excludeGcBarriers else { return }
      response.gcState.gcBarriers = state.barriers.map { service in
        var barrier = Pdpb_GCBarrierInfo()
        barrier.barrierID = String(decoding: service.id, as: UTF8.self)
        barrier.barrierTs = service.safePoint
        barrier.ttlSeconds = service.ttl
        return barrier
      }
    }
  }

  static func advanceTxnSafePoint(
    _ core: PDCore, _ request: Pdpb_AdvanceTxnSafePointRequest, _ reading: ClockReading
  ) throws(PDError) -> Pdpb_AdvanceTxnSafePointResponse {
    try respond(core, request) { (response) throws(PDError) in
      let result = try core.advanceTxnSafePoint(to: request.target, reading)
      response.oldTxnSafePoint = result.old
      response.newTxnSafePoint = result.new
      if let blocker = result.blocker {
        let name = String(decoding: blocker.id, as: UTF8.self)
        response.blockerDescription = "service \(name) needs versions from \(blocker.safePoint)"
      }
    }
  }

  static func advanceGCSafePoint(
    _ core: PDCore, _ request: Pdpb_AdvanceGCSafePointRequest, _ reading: ClockReading
  ) throws(PDError) -> Pdpb_AdvanceGCSafePointResponse {
    try respond(core, request) { (response) throws(PDError) in
      let result = try core.advanceGCSafePoint(to: request.target)
      response.oldGcSafePoint = result.old
      response.newGcSafePoint = result.new
    }
  }
}
