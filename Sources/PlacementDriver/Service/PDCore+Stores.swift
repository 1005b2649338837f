package import Codec
import Engine
import Runtime

extension PDCore {
  // MARK: Lookups

  /// A store with its last heartbeat since PD's start. An unknown store is a failed call, a tombstone is returned.
  package func store(
    id: UInt64
  ) throws(PDError) -> (info: StoreInfo, heartbeat: StoreHeartbeat?) {
    try requireBootstrapped()
    guard let record = stores[id] else {
      // Clients look for these very words in the call's status.
      throw PDError(.unknown, "invalid store ID \(id), not found")
    }
    return (record.info, record.heartbeat)
  }

  /// All stores ever registered, ascending by id.
  package func allStores(excludingTombstones: Bool = false) throws(PDError) -> [StoreInfo] {
    try requireBootstrapped()
    return stores.records
      .filter { !excludingTombstones || $0.info.state != .tombstone }
      .map(\.info)
  }

  // MARK: Registering

  /// Registers a store, or what has changed about it.
  ///
  /// Two processes cannot listen at one address, so a new store at the address of a known one means that the old one
  /// is most likely dead and wiped. The new store is registered at once, but takes over (and the old one counts as
  /// destroyed) only when the old one has been silent for a while. If a heartbeat of the old one comes instead, the
  /// new store is a duplicate by mistake and becomes a tombstone.
  package func putStore(_ store: StoreInfo, _ reading: ClockReading) throws(PDError) {
    try requireBootstrapped()
    guard store.id != 0 else {
      throw PDError(refusal: .unknown, "invalid put store: missing store id")
    }
    guard !store.address.isEmpty else {
      throw PDError(
        refusal: .unknown, "invalid put store: store \(store.id) has no address")
    }
    try checkStoreSize(store)
    try put(store, reading)
  }

  private func put(_ new: StoreInfo, _ reading: ClockReading) throws(PDError) {
    let known = stores[new.id]
    try refuseTombstone(known)
    if stores.removed.contains(new.id) { throw Self.removedStore(new.id) }
    if known == nil { try requireAllocated("store", new.id) }
    guard known != nil || stores.records.count < config.limits.stores else {
      throw PDError(
        refusal: .invalidValue,
        "cannot register store \(new.id) at \(new.address): there are \(stores.records.count) stores, "
          + "removed ones among them, and no more than \(config.limits.stores) are kept")
    }
    try refusePeerAddressOfOthers(new, reading)
    let holder = stores.holder(ofAddress: new.address, besides: new.id)
    // A store that moved does not drive a living one out; the address of one that is silent, or
    // was not heard from since PD started, is most likely out of date.
    if let holder, let known, known.info.address != new.address, holder.hasHeartbeat,
      !holder.mayBeReplaced(at: reading.now, config)
    {
      throw PDError(
        refusal: .unknown,
        "duplicated store address: store \(new.id) at \(new.address), already registered by "
          + "store \(holder.id)")
    }
    try refuseSecondProcess(of: known, at: new, reading)
    var info = new
    // Labels that an administrator set stay, unless the store names them itself.
    for label in known?.info.labels ?? [] where !new.labels.contains(where: { $0.key == label.key })
    {
      info.labels.append(label)
    }
    try checkStoreSize(info)
    info.state = known?.info.state ?? .up
    info.physicallyDestroyed = known?.info.physicallyDestroyed ?? false
    info.nodeState = info.state == .up ? .serving : .removing
    info.lastHeartbeat = known?.info.lastHeartbeat ?? 0
    var record = known ?? StoreRecord(info, at: reading.now)
    if let known, known.info.startTimestamp != new.startTimestamp {
      record.predecessor = StoreRecord.Predecessor(
        address: known.info.address, startTimestamp: known.info.startTimestamp)
    }
    record.info = info
    record.recordHeartbeat(at: reading)
    if let holder, known == nil {
      record.claim = StoreRecord.Claim(storeID: holder.id, since: reading.now)
    }
    try save(record)
    if record.claim != nil { try settleClaims(at: reading) }
  }

  /// A store id that registers at a second address while its process at the first is alive: most likely a copy of its
  /// data directory. A store that moved waits until the process at the first address counts as stopped.
  private func refuseSecondProcess(
    of known: StoreRecord?, at new: StoreInfo, _ reading: ClockReading
  ) throws(PDError) {
    guard let known, known.info.address != new.address,
      !known.mayBeReplaced(at: reading.now, config)
    else { return }
    throw PDError(
      refusal: .unknown,
      "store \(new.id) is alive at \(known.info.address) and cannot also be at \(new.address): if its "
        + "data directory was copied, stop the copy; if it has moved, it is let in once nothing was heard "
        + "from \(known.info.address) for \(config.takeoverDelay)")
  }

  /// Raft messages for a living store must not be sent elsewhere.
  private func refusePeerAddressOfOthers(
    _ new: StoreInfo, _ reading: ClockReading
  ) throws(PDError) {
    for other in stores.records {
      guard other.id != new.id, other.info.state != .tombstone, !other.info.physicallyDestroyed,
        !other.mayBeReplaced(at: reading.now, config),
        let shared = sharedPeerAddress(new, other.info)
      else { continue }
      throw PDError(
        refusal: .unknown,
        "duplicated store address: \(shared) of store \(new.id) is already registered by store "
          + "\(other.id) at \(other.info.address)")
    }
  }

  /// The address that both have, if it is the peer address of one of them. A new store whose client address is
  /// another's client address is left to claims.
  private func sharedPeerAddress(_ new: StoreInfo, _ other: StoreInfo) -> String? {
    if new.address == other.address { return nil }
    let others = [other.address, other.peerAddress]
    if !new.peerAddress.isEmpty, others.contains(new.peerAddress) { return new.peerAddress }
    return new.address == other.peerAddress ? new.address : nil
  }

  /// Writes a store to disk, then keeps it in memory.
  func save(_ record: StoreRecord) throws(PDError) {
    var batch = WriteBatch()
    batch.put(.raft, PDKeys.store(record.id), record.info.encoded())
    if let claim = record.claim {
      batch.put(
        .raft, PDKeys.claim(record.id), PDKeys.bigEndian(claim.storeID))
    } else if stores[record.id]?.claim != nil {
      batch.delete(.raft, PDKeys.claim(record.id))
    }
    try storage.write(batch)
    stores.put(record)
  }

  func refuseTombstone(_ record: StoreRecord?) throws(PDError) {
    if let record, record.info.state == .tombstone {
      throw Self.removedStore(record.id)
    }
  }

  private static func removedStore(_ id: UInt64) -> PDError {
    PDError(
      refusal: .storeTombstone,
      "store \(id) has been removed; start it with an empty data directory to join as a new store")
  }

  // MARK: Claims to an address

  /// Lets new stores take over from stores that stay silent.
  func settleClaims(at reading: ClockReading) throws(PDError) {
    for var record in stores.records {
      guard let claim = record.claim else { continue }
      if var holder = stores[claim.storeID], holder.info.state != .tombstone {
        guard holder.mayBeReplaced(at: reading.now, config) else { continue }
        holder.info.state = .offline
        holder.info.nodeState = .removing
        holder.info.physicallyDestroyed = true
        try save(holder)
      }
      record.claim = nil
      try save(record)
    }
  }

  /// The holder of a claimed address is alive: the claim was a mistake.
  private func rejectClaims(to id: UInt64, _ reading: ClockReading) throws(PDError) {
    for var record in stores.records {
      guard let claim = record.claim, claim.storeID == id,
        // What the old process sent just before it ended may arrive after the new one's request.
        reading.now - claim.since >= .seconds(1)
      else { continue }
      record.claim = nil
      record.info.state = .tombstone
      record.info.nodeState = .removed
      try save(record)
    }
  }

  // MARK: Heartbeats

  /// Takes in a store's report of itself, and returns what the store must do for a recovery that is under way.
  @discardableResult
  package func storeHeartbeat(
    _ heartbeat: StoreHeartbeat, _ reading: ClockReading
  ) throws(PDError) -> RecoveryPlan? {
    try requireBootstrapped()
    guard heartbeat.storeID != 0 else {
      throw PDError(refusal: .unknown, "invalid store heartbeat: missing store id")
    }
    guard var record = stores[heartbeat.storeID] else {
      if stores.removed.contains(heartbeat.storeID) {
        throw Self.removedStore(heartbeat.storeID)
      }
      throw PDError(
        refusal: .unknown, "invalid store ID \(heartbeat.storeID), not found")
    }
    try refuseTombstone(record)
    try refuseReplaced(record, heartbeat)
    try refuseLarge(heartbeat)
    let written = record.info.lastHeartbeat
    record.recordHeartbeat(at: reading)
    record.heartbeat = heartbeat
    record.heartbeat?.report = nil
    stores.put(record)
    // It is only shown to people after a restart: once a minute is enough.
    if record.info.lastHeartbeat &- written > 60_000_000_000 { try save(record) }
    try rejectClaims(to: record.id, reading)
    return try recover(heartbeat, reading)
  }

  /// Refuses a process that another one has replaced while it was stopped or partitioned: two processes must not write
  /// under one store id. A process is identified by its start time; 0 is unknown.
  private func refuseReplaced(
    _ record: StoreRecord, _ heartbeat: StoreHeartbeat
  ) throws(PDError) {
    let started = Int64(clamping: heartbeat.startTime)
    let current = record.info.startTimestamp
    guard started != 0, started != current else { return }
    let predecessor = record.predecessor
    // A clock set back between the two starts makes the newer process look older.
    let isPredecessor = predecessor?.startTimestamp == started
    guard started < current || isPredecessor else { return }
    let place = isPredecessor ? " at \(predecessor?.address ?? "")" : ""
    throw PDError(
      refusal: .duplicatedEntry,
      "the process of store \(record.id)\(place), started at \(started), was replaced by the one at "
        + "\(record.info.address), started at \(current)")
  }

  private func refuseLarge(_ heartbeat: StoreHeartbeat) throws(PDError) {
    let size = heartbeat.received.count
    guard size <= config.limits.statisticsBytes else {
      throw PDError(
        refusal: .invalidValue,
        "invalid store heartbeat: store \(heartbeat.storeID) reports \(size) bytes, more than "
          + "\(config.limits.statisticsBytes)")
    }
  }

  /// The store's heartbeat stream broke: it gets nothing until its next heartbeat.
  package func storeDisconnected(_ id: UInt64, _ reading: ClockReading) {
    stores.update(id) { $0.isCutOff = true }
  }
}
