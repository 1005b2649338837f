package import Codec
import Engine
import Runtime

extension PDCore {
  // MARK: Members

  /// The version that clients see; some of them turn features on by it.
  package static let binaryVersion = "8.5.0"

  /// The id of PD's only member. Never 0, which would mean "no leader" to some clients; it never changes.
  package var memberID: UInt64 {
    var mixer = SplitMix64(seed: clusterID)
    return mixer.next() | 1
  }

  // MARK: Ids and time

  /// Allocates `count` consecutive ids, none of which is ever allocated again, and returns the last of them.
  package func allocateIDs(_ count: UInt64 = 1) throws(PDError) -> UInt64 {
    try requireUsable()
    return try ids.take(count, &storage)
  }

  /// The smallest timestamp that any allocator may still give: PD has one allocator, so a new timestamp.
  package func minTimestamp(_ reading: ClockReading) throws(PDError) -> Timestamp {
    try requireUsable()
    return try timestamps.take(1, reading)
  }

  // MARK: Bootstrap

  /// Registers the first store and the first region. Refused once the cluster is bootstrapped.
  package func bootstrap(
    store: StoreInfo, region: Region, _ reading: ClockReading
  ) throws(PDError) {
    try requireUsable()
    guard !isBootstrapped else {
      throw PDError(refusal: .alreadyBootstrapped, "cluster is already bootstrapped")
    }
    try checkStoreSize(store)
    try checkFirst(store, region)
    var info = store
    info.state = .up
    info.nodeState = .serving
    var record = StoreRecord(info, at: reading.now)
    record.recordHeartbeat(at: reading)
    var batch = WriteBatch()
    batch.put(.raft, PDKeys.cluster, clusterBytes(maxReplicas))
    batch.put(.raft, PDKeys.store(info.id), record.info.encoded())
    batch.put(.raft, PDKeys.region(region.id), region.encoded())
    try storage.write(batch)
    stores.put(record)
    _ = regions.put(RegionRecord(region))
    isBootstrapped = true
  }

  private func checkFirst(_ store: StoreInfo, _ region: Region) throws(PDError) {
    func refuse(_ message: String) -> PDError { PDError(refusal: .unknown, message) }
    guard store.id != 0 else { throw refuse("invalid zero store id") }
    guard region.id != 0 else { throw refuse("invalid zero region id") }
    guard region.startKey.isEmpty, region.endKey.isEmpty else {
      throw refuse("invalid first region key range, must all be empty for bootstrap")
    }
    guard region.epoch != RegionEpoch() else {
      throw refuse("missing region epoch for bootstrap")
    }
    guard region.peers.count == 1, let peer = region.peers.first else {
      throw refuse("invalid first region peer count, must be 1, not \(region.peers.count)")
    }
    guard peer.id != 0 else { throw refuse("invalid zero peer id") }
    guard peer.storeID == store.id else {
      throw refuse("invalid peer store id, \(peer.storeID) is not \(store.id)")
    }
    try requireAllocated(region)
  }

  // MARK: Configuration

  /// The number of voters that regions are brought to.
  package func replicaCount() throws(PDError) -> Int {
    try requireBootstrapped()
    return maxReplicas
  }

  /// Sets the number of voters that regions are brought to: 1 to 100.
  package func setReplicaCount(_ count: UInt32) throws(PDError) {
    try requireBootstrapped()
    guard (1...100).contains(count) else {
      throw PDError(refusal: .invalidValue, "max_peer_count must be 1 to 100")
    }
    try storage.put(PDKeys.cluster, clusterBytes(Int(count)))
    maxReplicas = Int(count)
  }

  func clusterBytes(_ maxReplicas: Int) -> [UInt8] {
    ClusterInfo(id: clusterID, maxPeerCount: UInt32(clamping: maxReplicas)).encoded()
  }

  // MARK: Limits

  /// Refuses a store whose record would be larger than the limit.
  func checkStoreSize(_ store: StoreInfo) throws(PDError) {
    let limits = config.limits
    guard store.labels.count <= limits.labels else {
      throw PDError(
        refusal: .invalidValue,
        "invalid store: \(store.labels.count) labels, more than \(limits.labels)")
    }
    let size = store.protoSize
    guard size <= limits.storeBytes else {
      throw PDError(
        refusal: .invalidValue,
        "invalid store: its addresses, labels and paths take \(size) bytes, more than "
          + "\(limits.storeBytes)")
    }
  }

  /// Refuses a region whose parts do not make sense together or are larger than the limits.
  func check(_ region: Region) throws(PDError) {
    guard !region.range.isEmpty else {
      throw PDError(refusal: .unknown, "invalid region: no key fits into \(region)")
    }
    let limits = config.limits
    guard region.peers.count <= limits.peers else {
      throw PDError(
        refusal: .invalidValue,
        "invalid region: \(region.peers.count) peers, more than \(limits.peers)")
    }
    let longest = max(region.startKey.count, region.endKey.count)
    guard longest <= limits.keyBytes else {
      throw PDError(
        refusal: .invalidValue,
        "invalid region: a key of \(longest) bytes, more than \(limits.keyBytes)")
    }
    guard !region.peers.isEmpty,
      region.peers.allSatisfy({ $0.id != 0 && $0.storeID != 0 }),
      Set(region.peers.map(\.id)).count == region.peers.count,
      Set(region.peers.map(\.storeID)).count == region.peers.count
    else {
      throw PDError(refusal: .unknown, "invalid region: peers of \(region)")
    }
  }
}
