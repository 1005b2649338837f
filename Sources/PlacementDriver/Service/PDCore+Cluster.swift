import Codec
import Engine
import Runtime
package import Wire

extension PDCore {
  // MARK: Members

  /// The one member, also the leader. Clients ask before they know the cluster's id.
  package func getMembers(
    _ request: Pdpb_GetMembersRequest, _ reading: ClockReading
  ) throws(PDError) -> Pdpb_GetMembersResponse {
    var member = Pdpb_Member()
    member.name = config.memberName
    member.memberID = memberID
    member.clientUrls = config.advertiseClientURLs
    member.peerUrls = config.advertiseClientURLs
    member.binaryVersion = Self.binaryVersion
    var response = Pdpb_GetMembersResponse()
    response.header = header
    response.members = [member]
    response.leader = member
    response.etcdLeader = member
    return response
  }

  /// `GetClusterInfo`: whom a client should talk to and what this cluster offers (one service mode:
  /// PD).
  package func getClusterInfo(
    _ request: Pdpb_GetClusterInfoRequest, _ reading: ClockReading
  ) throws(PDError) -> Pdpb_GetClusterInfoResponse {
    var response = Pdpb_GetClusterInfoResponse()
    response.header = header
    response.serviceModes = [.pdSvcMode]
    return response
  }

  /// The version clients are told; some of them turn features on by it.
  static let binaryVersion = "8.5.0"

  /// Never 0, which would mean "no leader" to some clients; the same for ever.
  package var memberID: UInt64 {
    var mixer = SplitMix64(seed: clusterID)
    return mixer.next() | 1
  }

  // MARK: Ids and time

  /// `AllocID`: the last of `count` consecutive ids, which are never given out again.
  package func allocID(
    _ request: Pdpb_AllocIDRequest, _ reading: ClockReading
  ) throws(PDError) -> Pdpb_AllocIDResponse {
    try answer(request, needsCluster: false) { (response) throws(PDError) in
      let count = max(1, request.count)
      response.id = try ids.take(UInt64(count), &storage)
      response.count = count
    }
  }

  /// One message of a `Tso` stream. An error ends the stream.
  package func tso(
    _ request: Pdpb_TsoRequest, _ reading: ClockReading
  ) throws(PDError) -> Pdpb_TsoResponse {
    try answer(request, needsCluster: false) { (response) throws(PDError) in
      let last = try oracle.take(
        UInt64(request.count), reading, &storage)
      response.count = request.count
      response.timestamp = last.wire
      statistics.timestamps += UInt64(request.count)
    }
  }

  /// `GetMinTS`: the smallest timestamp over all allocators; with one allocator, a new timestamp of
  /// it.
  package func getMinTS(
    _ request: Pdpb_GetMinTSRequest, _ reading: ClockReading
  ) throws(PDError) -> Pdpb_GetMinTSResponse {
    try answer(request, needsCluster: false) { (response) throws(PDError) in
      response.timestamp = try oracle.take(1, reading, &storage).wire
    }
  }

  // MARK: Beginning

  package func isBootstrapped(
    _ request: Pdpb_IsBootstrappedRequest, _ reading: ClockReading
  ) throws(PDError) -> Pdpb_IsBootstrappedResponse {
    try answer(request, needsCluster: false) { (response) in
      response.bootstrapped = isBootstrapped
    }
  }

  /// Takes the first store and the first region, once.
  package func bootstrap(
    _ request: Pdpb_BootstrapRequest, _ reading: ClockReading
  ) throws(PDError) -> Pdpb_BootstrapResponse {
    try answer(request, needsCluster: false) { (_) throws(PDError) in
      guard !isBootstrapped else {
        throw PDError(header: .alreadyBootstrapped, "cluster is already bootstrapped")
      }
      var (info, region) = try first(request)
      info.state = .up
      info.nodeState = .serving
      var record = StoreRecord(info, at: reading.now)
      record.recordHeartbeat(at: reading)
      var batch = WriteBatch()
      batch.put(.raft, PDKeys.cluster, try clusterBytes(maxReplicas))
      batch.put(.raft, PDKeys.store(info.id), try bytes(of: record.info))
      batch.put(.raft, PDKeys.region(region.id), region.encoded())
      try storage.write(batch)
      stores.put(record)
      _ = regions.put(RegionRecord(region))
      isBootstrapped = true
    }
  }

  private func first(
    _ request: Pdpb_BootstrapRequest
  ) throws(PDError) -> (StoreInfo, Region) {
    func refuse(_ message: String) -> PDError { PDError(header: .unknown, message) }
    guard request.hasStore else { throw refuse("missing store meta for bootstrap") }
    guard request.hasRegion else { throw refuse("missing region meta for bootstrap") }
    let info = try plain(request.store)
    let region = try plain(request.region)
    guard info.id != 0 else { throw refuse("invalid zero store id") }
    guard region.id != 0 else { throw refuse("invalid zero region id") }
    guard region.startKey.isEmpty, region.endKey.isEmpty else {
      throw refuse("invalid first region key range, must all be empty for bootstrap")
    }
    guard request.region.hasRegionEpoch, region.epoch != RegionEpoch() else {
      throw refuse("missing region epoch for bootstrap")
    }
    guard region.peers.count == 1, let peer = region.peers.first else {
      throw refuse("invalid first region peer count, must be 1, not \(region.peers.count)")
    }
    guard peer.id != 0 else { throw refuse("invalid zero peer id") }
    guard peer.storeID == info.id else {
      throw refuse("invalid peer store id, \(peer.storeID) is not \(info.id)")
    }
    try requireAllocated(region)
    return (info, region)
  }

  // MARK: Configuration

  /// `GetClusterConfig`: the number of replicas that regions are brought to.
  package func getClusterConfig(
    _ request: Pdpb_GetClusterConfigRequest, _ reading: ClockReading
  ) throws(PDError) -> Pdpb_GetClusterConfigResponse {
    try answer(request) { (response) in
      response.cluster.id = clusterID
      response.cluster.maxPeerCount = UInt32(clamping: maxReplicas)
    }
  }

  /// Sets the number of replicas.
  package func putClusterConfig(
    _ request: Pdpb_PutClusterConfigRequest, _ reading: ClockReading
  ) throws(PDError) -> Pdpb_PutClusterConfigResponse {
    try answer(request) { (_) throws(PDError) in
      guard request.hasCluster, request.cluster.id == clusterID else {
        throw PDError(
          header: .unknown,
          "invalid cluster config, mismatch cluster id \(request.cluster.id), need \(clusterID)")
      }
      guard (1...100).contains(request.cluster.maxPeerCount) else {
        throw PDError(
          header: .invalidValue, "max_peer_count must be 1 to 100")
      }
      let count = Int(request.cluster.maxPeerCount)
      try storage.put(PDKeys.cluster, try clusterBytes(count))
      maxReplicas = count
    }
  }

  // MARK: Forms

  private func clusterBytes(_ maxReplicas: Int) throws(PDError) -> [UInt8] {
    var cluster = Metapb_Cluster()
    cluster.id = clusterID
    cluster.maxPeerCount = UInt32(clamping: maxReplicas)
    do {
      return try cluster.serializedBytes()
    } catch {
      throw PDError(.internal, "cannot encode the cluster: \(error)")
    }
  }

  func bytes(of info: StoreInfo) throws(PDError) -> [UInt8] {
    do {
      return try info.wire.serializedBytes()
    } catch {
      throw PDError(.internal, "cannot encode store \(info.id): \(error)")
    }
  }

  func plain(_ store: Metapb_Store) throws(PDError) -> StoreInfo {
    let limits = config.limits
    guard store.labels.count <= limits.labels else {
      throw PDError(
        header: .invalidValue,
        "invalid store: \(store.labels.count) labels, more than \(limits.labels)")
    }
    let info: StoreInfo
    do {
      info = try StoreInfo(store)
    } catch {
      throw PDError(header: .unknown, "invalid store: \(error)")
    }
    let size = try bytes(of: info).count
    guard size <= limits.storeBytes else {
      throw PDError(
        header: .invalidValue,
        "invalid store: its addresses, labels and paths take \(size) bytes, more than "
          + "\(limits.storeBytes)")
    }
    return info
  }

  func plain(_ region: Metapb_Region) throws(PDError) -> Region {
    do {
      return try Region(region)
    } catch {
      throw PDError(header: .unknown, "invalid region: \(error)")
    }
  }

  func plain(_ peer: Metapb_Peer) throws(PDError) -> PeerInfo {
    do {
      return try PeerInfo(peer)
    } catch {
      throw PDError(header: .unknown, "invalid peer: \(error)")
    }
  }
}
