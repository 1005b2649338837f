import Codec
import Engine
import PlacementDriver
import Runtime
import Testing
import Wire

@testable import Server

/// The messages of `pdpb` and what they become for PD's core.
struct PDMethodsTests {
  private let core: PDCore
  private let reading = ClockReading(
    now: Instant(nanoseconds: 1_000_000_000), wallMilliseconds: 1_000_000_000)
  private static let clusterID: UInt64 = 7_000_000_001
  private static let region = Region(
    id: 2, epoch: .initial, peers: [PeerInfo(id: 3, storeID: 1)])

  init() throws {
    core = try PDCore(
      engine: MemoryEngine(), config: PDConfig(advertiseClientURLs: ["http://127.0.0.1:2379"]),
      newClusterID: Self.clusterID, at: reading)
    _ = try core.allocateIDs(1000)
  }

  private var header: Pdpb_RequestHeader { .with { $0.clusterID = Self.clusterID } }

  private func bootstrap() throws {
    try core.bootstrap(
      store: StoreInfo(id: 1, address: "127.0.0.1:20161"), region: Self.region, reading)
  }

  // MARK: Headers

  @Test func aRequestForAnotherClusterFails() throws {
    let request = Pdpb_AllocIDRequest.with { $0.header.clusterID = 5 }
    let error = #expect(throws: PDError.self) { try PDMethods.allocID(core, request, reading) }
    #expect(error?.code == .failedPrecondition && error?.refusal == nil)
    let heartbeat = Pdpb_RegionHeartbeatRequest.with { $0.header.clusterID = 5 }
    #expect(throws: PDError.self) { try PDMethods.regionHeartbeat(core, heartbeat, reading) }
  }

  @Test func aRefusalIsAHeaderAndNothingElse() throws {
    let request = Pdpb_GetRegionRequest.with { $0.header = header }
    let response = try PDMethods.getRegion(core, request, reading)
    #expect(response.header.clusterID == Self.clusterID)
    #expect(response.header.error.type == .notBootstrapped)
    #expect(response.header.error.message == "cluster is not bootstrapped")
    #expect(!response.hasRegion)
  }

  @Test func everyRefusalHasATypeOfItsOwn() {
    let types = PDError.Refusal.allCases.map { Pdpb_ErrorType($0) }
    #expect(Set(types).count == types.count && !types.contains(.ok))
    // A store acts on these; the same whether PD is in its process or not.
    for refusal in PDError.Refusal.allCases {
      let error = Pdpb_Error.with {
        $0.type = Pdpb_ErrorType(refusal)
        $0.message = "reason"
      }
      #expect(PDClientError(error) == PDClientError(PDError(refusal: refusal, "reason")))
    }
  }

  // MARK: Members

  @Test func oneMemberLeads() throws {
    let response = try PDMethods.getMembers(core, .init(), reading)
    #expect(response.header.clusterID == Self.clusterID && !response.header.hasError)
    #expect(response.members.count == 1)
    #expect(response.leader == response.members[0])
    #expect(response.etcdLeader == response.members[0])
    #expect(response.leader.memberID == core.memberID)
    #expect(response.leader.clientUrls == ["http://127.0.0.1:2379"])
    let info = try PDMethods.getClusterInfo(core, .init(), reading)
    #expect(info.serviceModes == [.pdSvcMode] && info.header.clusterID == Self.clusterID)
  }

  @Test func etcdClientsFindTheMember() throws {
    let response = try PDMethods.memberList(core, .init(), reading)
    #expect(response.members.map(\.name) == ["apus-pd"])
    #expect(response.members[0].clientUrls == ["http://127.0.0.1:2379"])
    #expect(response.header.clusterID == Self.clusterID)
    let get = try PDMethods.metaStorageGet(
      core, .with { $0.key = Array("/ms/1/router/registry/".utf8).data }, reading)
    #expect(get.kvs.isEmpty && get.header.clusterID == Self.clusterID && !get.header.hasError)
  }

  @Test func etcdKeyHoldsTheTxnSafePoint() throws {
    try bootstrap()
    let request = Etcdserverpb_RangeRequest.with {
      $0.key = Array("/tidb/store/gcworker/saved_safe_point".utf8).data
    }
    #expect(try PDMethods.etcdRange(core, request, reading).kvs.isEmpty)
    _ = try core.advanceTxnSafePoint(to: 440, reading)
    let response = try PDMethods.etcdRange(core, request, reading)
    #expect(response.kvs.map { [UInt8]($0.value) } == [Array("440".utf8)])
    #expect(response.count == 1)
    let other = Etcdserverpb_RangeRequest.with { $0.key = Array("other".utf8).data }
    #expect(try PDMethods.etcdRange(core, other, reading).kvs.isEmpty)
  }

  @Test func onlyTheDefaultKeyspaceExists() throws {
    try bootstrap()
    func load(_ name: String) throws -> Keyspacepb_LoadKeyspaceResponse {
      try PDMethods.loadKeyspace(
        core,
        .with {
          $0.header = header
          $0.name = name
        }, reading)
    }
    let known = try load("DEFAULT")
    #expect(known.keyspace.id == 0 && known.keyspace.state == .enabled && known.hasKeyspace)
    #expect(try load("x").header.error.type == .entryNotFound)
  }

  // MARK: Ids, time, configuration

  @Test func countsAreRepeated() throws {
    let ids = try PDMethods.allocID(core, .with { $0.header = header }, reading)
    #expect(ids.count == 1 && ids.id == 1001)
  }

  @Test func bootstrapNamesWhatIsMissing() throws {
    var request = Pdpb_BootstrapRequest.with { $0.header = header }
    func message() throws -> String {
      try PDMethods.bootstrap(core, request, reading).header.error.message
    }
    #expect(try message() == "missing store meta for bootstrap")
    request.store = StoreInfo(id: 1, address: "127.0.0.1:20161").wire
    #expect(try message() == "missing region meta for bootstrap")
    request.region = Self.region.wire
    request.region.clearRegionEpoch()
    #expect(try message() == "missing region epoch for bootstrap")
    request.region = Self.region.wire
    #expect(try message() == "")
    let known = try PDMethods.isBootstrapped(core, .with { $0.header = header }, reading)
    #expect(known.bootstrapped)
    request.clearStore()
    let again = try PDMethods.bootstrap(core, request, reading)
    #expect(again.header.error.type == .alreadyBootstrapped)
  }

  @Test func configurationIsForOneCluster() throws {
    try bootstrap()
    func set(_ count: UInt32, _ id: UInt64) throws -> Pdpb_ErrorType {
      try PDMethods.putClusterConfig(
        core,
        .with {
          $0.header = header
          $0.cluster.id = id
          $0.cluster.maxPeerCount = count
        }, reading
      ).header.error.type
    }
    #expect(try set(5, Self.clusterID) == .ok)
    #expect(try set(0, Self.clusterID) == .invalidValue)
    #expect(try set(3, 1) == .unknown)
    let config = try PDMethods.getClusterConfig(core, .with { $0.header = header }, reading)
    #expect(config.cluster.maxPeerCount == 5 && config.cluster.id == Self.clusterID)
  }

  // MARK: Stores

  @Test func storesWithoutAnIDOrARoleAreRefused() throws {
    try bootstrap()
    let bare = try PDMethods.putStore(core, .with { $0.header = header }, reading)
    #expect(bare.header.error.message == "invalid put store: missing store id")
    let future = try PDMethods.putStore(
      core,
      .with {
        $0.header = header
        $0.store = StoreInfo(id: 4, address: "127.0.0.1:20164").wire
        $0.store.state = .UNRECOGNIZED(9)
      }, reading)
    #expect(future.header.error.type == .unknown)
    let silent = try PDMethods.storeHeartbeat(core, .with { $0.header = header }, reading)
    #expect(silent.header.error.message == "invalid store heartbeat: missing store id")
    #expect(try core.allStores().map(\.id) == [1])
  }

  @Test func aStoresReportIsReturnedUnchanged() throws {
    try bootstrap()
    func get() throws -> Pdpb_GetStoreResponse {
      try PDMethods.getStore(
        core,
        .with {
          $0.header = header
          $0.storeID = 1
        }, reading)
    }
    #expect(try !get().hasStats)
    func beat(_ threads: Int) throws -> Pdpb_StoreHeartbeatResponse {
      try PDMethods.storeHeartbeat(
        core,
        .with {
          $0.header = header
          $0.stats.storeID = 1
          $0.stats.capacity = 1000
          $0.stats.cpuUsages = .init(repeating: .with { $0.key = "thread" }, count: threads)
        }, reading)
    }
    #expect(try beat(100).clusterVersion == PDCore.binaryVersion)
    #expect(try get().stats.cpuUsages.count == 100)
    let large = try beat(100_000)
    #expect(large.header.error.type == .invalidValue)
    #expect(large.header.error.message.contains("more than 65536"))
    #expect(try get().stats.cpuUsages.count == 100 && get().stats.capacity == 1000)
    // A report of this process has the plain values.
    try core.storeHeartbeat(StoreHeartbeat(storeID: 1, capacity: 7, available: 5), reading)
    #expect(try get().stats.capacity == 7 && get().stats.available == 5)
  }

  // MARK: Safe points and operators

  @Test func safePointsNameTheirServices() throws {
    try bootstrap()
    let oldest = try PDMethods.updateServiceGCSafePoint(
      core,
      .with {
        $0.header = header
        $0.serviceID = Array("backup".utf8).data
        $0.ttl = 100
        $0.safePoint = 150
      }, reading)
    #expect([UInt8](oldest.serviceID) == Array("gc_worker".utf8))
    #expect(oldest.minSafePoint == 0 && oldest.ttl == .max)
    let advanced = try PDMethods.advanceTxnSafePoint(
      core,
      .with {
        $0.header = header
        $0.target = 200
      }, reading)
    #expect(advanced.oldTxnSafePoint == 0 && advanced.newTxnSafePoint == 150)
    #expect(advanced.blockerDescription.contains("backup"))
    var request = Pdpb_GetGCStateRequest.with {
      $0.header = header
      $0.keyspaceScope.keyspaceID = .max
    }
    let state = try PDMethods.getGCState(core, request, reading).gcState
    #expect(state.keyspaceScope.keyspaceID == .max && !state.isKeyspaceLevelGc)
    #expect(state.gcBarriers.map(\.barrierID) == ["backup"])
    #expect(state.gcBarriers.map(\.barrierTs) == [150])
    request.excludeGcBarriers = true
    #expect(try PDMethods.getGCState(core, request, reading).gcState.gcBarriers.isEmpty)
  }

  @Test func scatteringCountsWhatItKnows() throws {
    try bootstrap()
    func scatter(_ ids: [UInt64], _ id: UInt64 = 0) throws -> Pdpb_ScatterRegionResponse {
      try PDMethods.scatterRegion(
        core,
        .with {
          $0.header = header
          $0.regionsID = ids
          $0.regionID = id
        }, reading)
    }
    #expect(try scatter([2]).finishedPercentage == 100)
    #expect(try scatter([], 2).finishedPercentage == 100)
    let half = try scatter([2, 3])
    #expect(half.finishedPercentage == 50 && half.failedRegionsID == [3])
    #expect(try scatter([]).header.error.type == .regionNotFound)
  }

  @Test func splitsNeedARegionWithAnEpoch() throws {
    try bootstrap()
    var ask = Pdpb_AskBatchSplitRequest.with {
      $0.header = header
      $0.splitCount = 1
    }
    #expect(
      try PDMethods.askBatchSplit(core, ask, reading).header.error.message
        == "missing region for split")
    ask.region = Self.region.wire
    let ids = try PDMethods.askBatchSplit(core, ask, reading).ids
    #expect(ids.map(\.newPeerIds.count) == [1])
    var report = Pdpb_ReportSplitRequest.with {
      $0.header = header
      $0.left = Self.region.wire
    }
    #expect(try PDMethods.reportSplit(core, report, reading).header.error.type == .unknown)
    report.right = Self.region.wire
    report.right.clearRegionEpoch()
    #expect(
      try PDMethods.reportSplit(core, report, reading).header.error.message
        == "invalid split report: a region has no id or epoch")
  }
}
