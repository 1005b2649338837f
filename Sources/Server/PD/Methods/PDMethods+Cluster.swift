import Codec
import PlacementDriver
import Runtime
import Wire

extension PDMethods {
  // MARK: Members

  /// The one member, also the leader. Clients call it before they know the cluster's id.
  static func getMembers(
    _ core: PDCore, _ request: Pdpb_GetMembersRequest, _ reading: ClockReading
  ) throws(PDError) -> Pdpb_GetMembersResponse {
    var member = Pdpb_Member()
    member.name = core.config.memberName
    member.memberID = core.memberID
    member.clientUrls = core.config.advertiseClientURLs
    member.peerUrls = core.config.advertiseClientURLs
    member.binaryVersion = PDCore.binaryVersion
    var response = Pdpb_GetMembersResponse()
    response.header = header(core.clusterID)
    response.members = [member]
    response.leader = member
    response.etcdLeader = member
    return response
  }

  /// What this cluster offers: one service mode, PD.
  static func getClusterInfo(
    _ core: PDCore, _ request: Pdpb_GetClusterInfoRequest, _ reading: ClockReading
  ) throws(PDError) -> Pdpb_GetClusterInfoResponse {
    var response = Pdpb_GetClusterInfoResponse()
    response.header = header(core.clusterID)
    response.serviceModes = [.pdSvcMode]
    return response
  }

  // MARK: Ids and time

  /// A count of 0 means 1.
  static func allocID(
    _ core: PDCore, _ request: Pdpb_AllocIDRequest, _ reading: ClockReading
  ) throws(PDError) -> Pdpb_AllocIDResponse {
    try respond(core, request) { (response) throws(PDError) in
      let count = max(1, request.count)
      response.id = try core.allocateIDs(UInt64(count))
      response.count = count
    }
  }

  static func getMinTS(
    _ core: PDCore, _ request: Pdpb_GetMinTSRequest, _ reading: ClockReading
  ) throws(PDError) -> Pdpb_GetMinTSResponse {
    try respond(core, request) { (response) throws(PDError) in
      response.timestamp = try core.minTimestamp(reading).wire
    }
  }

  // MARK: Bootstrap

  static func isBootstrapped(
    _ core: PDCore, _ request: Pdpb_IsBootstrappedRequest, _ reading: ClockReading
  ) throws(PDError) -> Pdpb_IsBootstrappedResponse {
    try respond(core, request) { (response) in response.bootstrapped = core.isBootstrapped }
  }

  static func bootstrap(
    _ core: PDCore, _ request: Pdpb_BootstrapRequest, _ reading: ClockReading
  ) throws(PDError) -> Pdpb_BootstrapResponse {
    try respond(core, request) { (_) throws(PDError) in
      guard !core.isBootstrapped else {
        throw PDError(refusal: .alreadyBootstrapped, "cluster is already bootstrapped")
      }
      guard request.hasStore else {
        throw PDError(refusal: .unknown, "missing store meta for bootstrap")
      }
      guard request.hasRegion else {
        throw PDError(refusal: .unknown, "missing region meta for bootstrap")
      }
      try core.bootstrap(
        store: try plain(request.store), region: try plain(request.region), reading)
    }
  }

  // MARK: Configuration

  static func getClusterConfig(
    _ core: PDCore, _ request: Pdpb_GetClusterConfigRequest, _ reading: ClockReading
  ) throws(PDError) -> Pdpb_GetClusterConfigResponse {
    try respond(core, request) { (response) throws(PDError) in
      response.cluster.maxPeerCount = UInt32(clamping: try core.replicaCount())
      response.cluster.id = core.clusterID
    }
  }

  static func putClusterConfig(
    _ core: PDCore, _ request: Pdpb_PutClusterConfigRequest, _ reading: ClockReading
  ) throws(PDError) -> Pdpb_PutClusterConfigResponse {
    try respond(core, request) { (_) throws(PDError) in
      try core.requireBootstrapped()
      guard request.hasCluster, request.cluster.id == core.clusterID else {
        throw PDError(
          refusal: .unknown,
          "invalid cluster config, mismatch cluster id \(request.cluster.id), need "
            + "\(core.clusterID)")
      }
      try core.setReplicaCount(request.cluster.maxPeerCount)
    }
  }

  // MARK: Stores

  static func getStore(
    _ core: PDCore, _ request: Pdpb_GetStoreRequest, _ reading: ClockReading
  ) throws(PDError) -> Pdpb_GetStoreResponse {
    try respond(core, request) { (response) throws(PDError) in
      let store = try core.store(id: request.storeID)
      response.store = store.info.wire
      if let heartbeat = store.heartbeat { response.stats = try heartbeat.wire() }
    }
  }

  static func getAllStores(
    _ core: PDCore, _ request: Pdpb_GetAllStoresRequest, _ reading: ClockReading
  ) throws(PDError) -> Pdpb_GetAllStoresResponse {
    try respond(core, request) { (response) throws(PDError) in
      response.stores = try core.allStores(
        excludingTombstones: request.excludeTombstoneStores
      ).map(\.wire)
    }
  }

  static func putStore(
    _ core: PDCore, _ request: Pdpb_PutStoreRequest, _ reading: ClockReading
  ) throws(PDError) -> Pdpb_PutStoreResponse {
    try respond(core, request) { (_) throws(PDError) in
      try core.putStore(try plain(request.store), reading)
    }
  }

  static func storeHeartbeat(
    _ core: PDCore, _ request: Pdpb_StoreHeartbeatRequest, _ reading: ClockReading
  ) throws(PDError) -> Pdpb_StoreHeartbeatResponse {
    try respond(core, request) { (response) throws(PDError) in
      var heartbeat = try StoreHeartbeat(request.stats)
      if request.hasStoreReport { heartbeat.report = try StoreReport(request.storeReport) }
      if let plan = try core.storeHeartbeat(heartbeat, reading) {
        response.recoveryPlan = plan.wire
      }
      response.clusterVersion = PDCore.binaryVersion
    }
  }

  /// The timestamp up to which all regions that a store leads are resolved.
  static func reportMinResolvedTS(
    _ core: PDCore, _ request: Pdpb_ReportMinResolvedTsRequest, _ reading: ClockReading
  ) throws(PDError) -> Pdpb_ReportMinResolvedTsResponse {
    try respond(core, request) { (_) throws(PDError) in
      try core.reportMinResolvedTS(request.minResolvedTs, storeID: request.storeID)
    }
  }
}
