import Codec
import Engine

/// Which versions may be collected, and which services still need them. No point ever moves back.
struct SafePoints {
  private(set) var gcSafePoint: UInt64
  private(set) var txnSafePoint: UInt64
  /// Ascending by id.
  private(set) var services: [ServiceSafePoint] = []

  init(_ storage: PDStorage) throws(PDError) {
    gcSafePoint = try storage.integer(PDKeys.gcSafePoint) ?? 0
    txnSafePoint = try storage.integer(PDKeys.txnSafePoint) ?? 0
    for (id, value) in try storage.scan(PDKeys.services) {
      guard value.count == 16, let expiresAt = PDKeys.integer(value.prefix(8)),
        let safePoint = PDKeys.integer(value.suffix(8))
      else { throw storage.damaged(PDKeys.service(id)) }
      services.append(
        ServiceSafePoint(
          id: id, expiresAt: Int64(bitPattern: expiresAt), safePoint: safePoint))
    }
  }

  // MARK: One for all

  /// Moves both points up to `target` and returns where collection stands; an older target changes
  /// nothing. For clients that know of no transaction safe point.
  mutating func update(
    to target: UInt64, _ storage: inout PDStorage
  ) throws(PDError) -> UInt64 {
    if target > gcSafePoint {
      try save(gc: target, txn: max(txnSafePoint, target), &storage)
    }
    return gcSafePoint
  }

  /// Moves the point up to which data may be collected; transactions must have been barred first.
  mutating func advanceGC(
    to target: UInt64, _ storage: inout PDStorage
  ) throws(PDError) {
    guard target >= gcSafePoint else {
      throw PDError(
        refusal: .unknown, "trying to decrease gc safe point: \(gcSafePoint) to \(target)")
    }
    guard target <= txnSafePoint else {
      throw PDError(
        refusal: .unknown,
        "gc safe point \(target) would exceed the txn safe point \(txnSafePoint)")
    }
    try save(gc: target, txn: txnSafePoint, &storage)
  }

  /// Bars transactions that began before `target`, or before what a service still needs; returns that service.
  mutating func advanceTxn(
    to target: UInt64, at seconds: Int64, _ storage: inout PDStorage
  ) throws(PDError) -> ServiceSafePoint? {
    guard target >= txnSafePoint else {
      throw PDError(
        refusal: .unknown, "trying to decrease txn safe point: \(txnSafePoint) to \(target)")
    }
    let blocker = barriers(at: seconds).filter { $0.safePoint < target }
      .min { $0.safePoint < $1.safePoint }
    try save(gc: gcSafePoint, txn: max(txnSafePoint, blocker?.safePoint ?? target), &storage)
    return blocker
  }

  // MARK: Services

  /// The safe points of services other than the collector.
  func barriers(at seconds: Int64) -> [ServiceSafePoint] {
    services.filter { $0.id != ServiceSafePoint.collector && $0.expiresAt > seconds }
  }

  /// Registers, renews or (`ttl` <= 0) removes a service's need, and returns the oldest need there
  /// is. One that is older than the oldest is too late and is not taken: the result shows it.
  mutating func updateService(
    _ id: [UInt8], ttl: Int64, safePoint: UInt64, at seconds: Int64,
    _ limits: PDLimits, _ storage: inout PDStorage
  ) throws(PDError) -> ServiceSafePoint {
    let isCollector = id == ServiceSafePoint.collector
    guard id.count <= limits.serviceIDBytes else {
      throw PDError(
        refusal: .invalidValue,
        "a service id of \(id.count) bytes, more than \(limits.serviceIDBytes)")
    }
    guard !id.isEmpty else {
      throw PDError(refusal: .unknown, "a service safe point needs a service id")
    }
    if isCollector && ttl != .max {
      throw PDError(
        refusal: .unknown, "the service safe point of gc_worker cannot expire or be removed")
    }
    try dropExpired(at: seconds, &storage)
    if ttl <= 0 {
      try drop(id, &storage)
      return try oldest(&storage)
    }
    let oldest = try oldest(&storage)
    guard safePoint >= oldest.safePoint else { return oldest }
    // The collector is registered already, by the first call.
    guard services.count < limits.services || services.contains(where: { $0.id == id }) else {
      throw PDError(
        refusal: .invalidValue,
        "\(services.count) services hold safe points, and no more than \(limits.services) may: "
          + "remove one, or let one expire")
    }
    let (end, isOverflowing) = seconds.addingReportingOverflow(ttl)
    let service = ServiceSafePoint(
      id: id, expiresAt: isOverflowing ? .max : end, safePoint: safePoint)
    try put(service, &storage)
    let newOldest = try self.oldest(&storage)
    if isCollector && newOldest.safePoint > txnSafePoint {
      try save(gc: gcSafePoint, txn: newOldest.safePoint, &storage)
    }
    return newOldest
  }

  /// The oldest need; the collector's own exists from the first call on.
  private mutating func oldest(
    _ storage: inout PDStorage
  ) throws(PDError) -> ServiceSafePoint {
    let known = services.min { $0.safePoint < $1.safePoint }
    if services.contains(where: { $0.id == ServiceSafePoint.collector }), let known {
      return known
    }
    let collector = ServiceSafePoint(
      id: ServiceSafePoint.collector, expiresAt: .max, safePoint: known?.safePoint ?? 0)
    try put(collector, &storage)
    return collector
  }

  // MARK: Keeping

  private mutating func save(
    gc: UInt64, txn: UInt64, _ storage: inout PDStorage
  ) throws(PDError) {
    guard gc != gcSafePoint || txn != txnSafePoint else { return }
    var batch = WriteBatch()
    batch.put(.raft, PDKeys.gcSafePoint, PDKeys.bigEndian(gc))
    batch.put(.raft, PDKeys.txnSafePoint, PDKeys.bigEndian(txn))
    try storage.write(batch)
    gcSafePoint = gc
    txnSafePoint = txn
  }

  private mutating func put(
    _ service: ServiceSafePoint, _ storage: inout PDStorage
  ) throws(PDError) {
    let value =
      PDKeys.bigEndian(UInt64(bitPattern: service.expiresAt))
      + PDKeys.bigEndian(service.safePoint)
    try storage.put(PDKeys.service(service.id), value)
    services.removeAll { $0.id == service.id }
    let index = services.firstIndex { precedes(service.id, $0.id) } ?? services.count
    services.insert(service, at: index)
  }

  private mutating func dropExpired(
    at seconds: Int64, _ storage: inout PDStorage
  ) throws(PDError) {
    for service in services where service.expiresAt <= seconds {
      try drop(service.id, &storage)
    }
  }

  private mutating func drop(
    _ id: [UInt8], _ storage: inout PDStorage
  ) throws(PDError) {
    guard services.contains(where: { $0.id == id }) else { return }
    var batch = WriteBatch()
    batch.delete(.raft, PDKeys.service(id))
    try storage.write(batch)
    services.removeAll { $0.id == id }
  }
}
