import Codec
import Runtime

extension PDCore {
  /// No version older than it is read again. A timestamp; 0 before the first update.
  package func gcSafePoint() throws(PDError) -> UInt64 {
    try requireBootstrapped()
    return safePoints.gcSafePoint
  }

  /// Moves the safe point forward only, and returns the one in force.
  package func updateGCSafePoint(to target: UInt64) throws(PDError) -> UInt64 {
    try requireBootstrapped()
    return try safePoints.update(to: target, &storage)
  }

  /// Sets or removes a service's safe point and returns the lowest one of all services.
  ///
  /// - Parameter ttl: seconds; 0 or less removes, `.max` is for ever.
  package func updateServiceSafePoint(
    _ id: [UInt8], ttl: Int64, safePoint: UInt64, _ reading: ClockReading
  ) throws(PDError) -> ServiceBarrier {
    try requireBootstrapped()
    let seconds = seconds(reading)
    let oldest = try safePoints.updateService(
      id, ttl: ttl, safePoint: safePoint, at: seconds, config.limits, &storage)
    return ServiceBarrier(oldest, at: seconds)
  }

  /// The GC and transaction safe points, and which services hold them back.
  package func gcState(_ reading: ClockReading) throws(PDError) -> GCState {
    try requireBootstrapped()
    let seconds = seconds(reading)
    return GCState(
      txnSafePoint: safePoints.txnSafePoint, gcSafePoint: safePoints.gcSafePoint,
      barriers: safePoints.barriers(at: seconds).map { ServiceBarrier($0, at: seconds) })
  }

  /// Moves the transaction safe point forward as far as services' safe points allow.
  package func advanceTxnSafePoint(
    to target: UInt64, _ reading: ClockReading
  ) throws(PDError) -> (old: UInt64, new: UInt64, blocker: ServiceBarrier?) {
    try requireBootstrapped()
    let old = safePoints.txnSafePoint
    let seconds = seconds(reading)
    let blocker = try safePoints.advanceTxn(to: target, at: seconds, &storage)
    return (old, safePoints.txnSafePoint, blocker.map { ServiceBarrier($0, at: seconds) })
  }

  /// Moves the GC safe point forward, never beyond the transaction safe point.
  package func advanceGCSafePoint(
    to target: UInt64
  ) throws(PDError) -> (old: UInt64, new: UInt64) {
    try requireBootstrapped()
    let old = safePoints.gcSafePoint
    try safePoints.advanceGC(to: target, &storage)
    return (old, safePoints.gcSafePoint)
  }

  private func seconds(_ reading: ClockReading) -> Int64 {
    Int64(clamping: reading.wallMilliseconds / 1000)
  }
}

/// How far versions are collected and transactions are barred.
package struct GCState: Sendable, Hashable {
  package var txnSafePoint: UInt64
  package var gcSafePoint: UInt64
  /// Safe points of services other than the collector, ascending by id.
  package var barriers: [ServiceBarrier]
}

/// A service's safe point: versions from it on are kept.
package struct ServiceBarrier: Sendable, Hashable {
  package var id: [UInt8]
  package var safePoint: UInt64
  /// Seconds until it expires; `.max` is never.
  package var ttl: Int64

  init(_ service: ServiceSafePoint, at seconds: Int64) {
    id = service.id
    safePoint = service.safePoint
    ttl = service.timeToLive(at: seconds)
  }
}
