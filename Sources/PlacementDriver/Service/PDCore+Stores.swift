import Codec
import Engine
import Runtime
package import Wire

extension PDCore {
  // MARK: Asking

  /// `GetStore`: one store with its statistics; an error for an unknown or removed one.
  package func getStore(
    _ request: Pdpb_GetStoreRequest, _ reading: ClockReading
  ) throws(PDError) -> Pdpb_GetStoreResponse {
    try answer(request) { (response) throws(PDError) in
      guard let record = stores[request.storeID] else {
        // Clients look for these very words in the call's status.
        throw PDError(.unknown, "invalid store ID \(request.storeID), not found")
      }
      response.store = record.info.wire
      if let stats = record.stats { response.stats = stats }
    }
  }

  /// `GetAllStores`: all stores, without tombstones when the request says so.
  package func getAllStores(
    _ request: Pdpb_GetAllStoresRequest, _ reading: ClockReading
  ) throws(PDError) -> Pdpb_GetAllStoresResponse {
    try answer(request) { (response) in
      response.stores = stores.records
        .filter { !request.excludeTombstoneStores || $0.info.state != .tombstone }
        .map(\.info.wire)
    }
  }

  // MARK: Registering

  /// Registers a store, or what has changed about it.
  ///
  /// A new store at the address of a known one: two processes cannot listen at one address, so the
  /// old one is most likely dead and wiped. The newcomer is let in at once, but takes over (and the
  /// old one counts as destroyed) only when the old one has been silent for a while; should it be
  /// heard from again instead, the newcomer is a duplicate by mistake and becomes a tombstone.
  package func putStore(
    _ request: Pdpb_PutStoreRequest, _ reading: ClockReading
  ) throws(PDError) -> Pdpb_PutStoreResponse {
    try answer(request) { (_) throws(PDError) in
      guard request.hasStore, request.store.id != 0 else {
        throw PDError(header: .unknown, "invalid put store: missing store id")
      }
      guard !request.store.address.isEmpty else {
        throw PDError(
          header: .unknown, "invalid put store: store \(request.store.id) has no address")
      }
      try put(try plain(request.store), reading)
    }
  }

  private func put(_ new: StoreInfo, _ reading: ClockReading) throws(PDError) {
    let known = stores[new.id]
    try refuseTombstone(known)
    if known == nil { try requireAllocated("store", new.id) }
    guard known != nil || stores.records.count < config.limits.stores else {
      throw PDError(
        header: .invalidValue,
        "cannot register store \(new.id) at \(new.address): there are \(stores.records.count) stores, "
          + "removed ones among them, and no more than \(config.limits.stores) are kept")
    }
    try refusePeerAddressOfOthers(new, reading)
    let holder = stores.holder(ofAddress: new.address, besides: new.id)
    // A store that moved does not drive a living one out; the address of one that is silent, or
    // was not heard from since the driver started, is most likely out of date.
    if let holder, let known, known.info.address != new.address, holder.hasHeartbeat,
      !holder.isDisconnected(at: reading.now, config)
    {
      throw PDError(
        header: .unknown,
        "duplicated store address: store \(new.id) at \(new.address), already registered by "
          + "store \(holder.id)")
    }
    try refuseSecondProcess(of: known, at: new, reading)
    var info = new
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

  /// A store id that comes up at a second address while its process at the first is alive: most likely
  /// a copy of its data directory. One that moved waits until no one can be there any more.
  private func refuseSecondProcess(
    of known: StoreRecord?, at new: StoreInfo, _ reading: ClockReading
  ) throws(PDError) {
    guard let known, known.info.address != new.address,
      !known.isDisconnected(at: reading.now, config)
    else { return }
    throw PDError(
      header: .unknown,
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
        !other.isDisconnected(at: reading.now, config),
        let shared = sharedPeerAddress(new, other.info)
      else { continue }
      throw PDError(
        header: .unknown,
        "duplicated store address: \(shared) of store \(new.id) is already registered by store "
          + "\(other.id) at \(other.info.address)")
    }
  }

  /// The address both have where it is the address for stores of one of them. That a newcomer has just
  /// the address for clients, of which that for stores is a copy, is for claims to settle.
  private func sharedPeerAddress(_ new: StoreInfo, _ other: StoreInfo) -> String? {
    if new.address == other.address { return nil }
    let others = [other.address, other.peerAddress]
    if !new.peerAddress.isEmpty, others.contains(new.peerAddress) { return new.peerAddress }
    return new.address == other.peerAddress ? new.address : nil
  }

  /// Writes a store through and keeps it.
  func save(_ record: StoreRecord) throws(PDError) {
    var batch = WriteBatch()
    batch.put(.raft, PDKeys.store(record.id), try bytes(of: record.info))
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
      throw PDError(
        header: .storeTombstone,
        "store \(record.id) at \(record.info.address) has been removed; start it with an empty "
          + "data directory to join as a new store")
    }
  }

  // MARK: Claims to an address

  /// Lets newcomers take over from stores that stay silent.
  func settleClaims(at reading: ClockReading) throws(PDError) {
    for var record in stores.records {
      guard let claim = record.claim else { continue }
      if var holder = stores[claim.storeID], holder.info.state != .tombstone {
        guard holder.isDisconnected(at: reading.now, config) else { continue }
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
        // What the old process sent just before it died may come in after the new one's request.
        reading.now - claim.since >= .seconds(1)
      else { continue }
      record.claim = nil
      record.info.state = .tombstone
      record.info.nodeState = .removed
      try save(record)
    }
  }

  // MARK: Hearing of

  package func storeHeartbeat(
    _ request: Pdpb_StoreHeartbeatRequest, _ reading: ClockReading
  ) throws(PDError) -> Pdpb_StoreHeartbeatResponse {
    try answer(request) { (response) throws(PDError) in
      guard request.hasStats, request.stats.storeID != 0 else {
        throw PDError(header: .unknown, "invalid store heartbeat: missing store id")
      }
      guard var record = stores[request.stats.storeID] else {
        throw PDError(
          header: .unknown, "invalid store ID \(request.stats.storeID), not found")
      }
      try refuseTombstone(record)
      try refuseReplaced(record, request.stats)
      try refuseLarge(request.stats)
      let written = record.info.lastHeartbeat
      record.recordHeartbeat(at: reading)
      record.stats = request.stats
      stores.put(record)
      // For people who ask after a restart: once a minute is enough.
      if record.info.lastHeartbeat &- written > 60_000_000_000 { try save(record) }
      try rejectClaims(to: record.id, reading)
      response.clusterVersion = Self.binaryVersion
    }
  }

  /// A process whose place another one has taken since, while it was stopped or cut off: two that write under
  /// one store id must not go on. It is known by when it started; 0 says nothing.
  private func refuseReplaced(
    _ record: StoreRecord, _ stats: Pdpb_StoreStats
  ) throws(PDError) {
    let started = Int64(stats.startTime)
    let current = record.info.startTimestamp
    guard started != 0, started != current else { return }
    let predecessor = record.predecessor
    // A clock set back between the two makes the newer process look older; it is known all the same.
    let isPredecessor = predecessor?.startTimestamp == started
    guard started < current || isPredecessor else { return }
    let place = isPredecessor ? " at \(predecessor?.address ?? "")" : ""
    throw PDError(
      header: .duplicatedEntry,
      "the process of store \(record.id)\(place), started at \(started), was replaced by the one at "
        + "\(record.info.address), started at \(current)")
  }

  private func refuseLarge(_ stats: Pdpb_StoreStats) throws(PDError) {
    let size: Int
    do {
      size = try (stats.serializedBytes() as [UInt8]).count
    } catch {
      throw PDError(
        .internal, "cannot encode the report of store \(stats.storeID): \(error)")
    }
    guard size <= config.limits.statisticsBytes else {
      throw PDError(
        header: .invalidValue,
        "invalid store heartbeat: store \(stats.storeID) reports \(size) bytes, more than "
          + "\(config.limits.statisticsBytes)")
    }
  }

  /// The store's heartbeat stream broke: it may be dead, and is not counted on until heard of.
  package func storeDisconnected(_ id: UInt64, _ reading: ClockReading) {
    stores.update(id) { $0.isCutOff = true }
  }

  /// `ReportMinResolvedTS`: a store's smallest resolved timestamp.
  package func reportMinResolvedTS(
    _ request: Pdpb_ReportMinResolvedTsRequest, _ reading: ClockReading
  ) throws(PDError) -> Pdpb_ReportMinResolvedTsResponse {
    try answer(request) { (_) in }
  }
}
