import Codec
import Engine
import PlacementDriver
import Runtime
import SwiftProtobuf
import Testing
import Wire

@testable import Server

/// Regions and their heartbeats on the wire.
struct PDRegionMethodsTests {
  private let reading = ClockReading(
    now: Instant(nanoseconds: 1_000_000_000), wallMilliseconds: 1_000_000_000)
  private static let clusterID: UInt64 = 77
  private static let wide = Region(
    id: 100, epoch: RegionEpoch(confVersion: 5, version: 5),
    peers: [1, 4, 5].map { PeerInfo(id: 1000 + $0, storeID: $0) })

  private var header: Pdpb_RequestHeader { .with { $0.clusterID = Self.clusterID } }

  /// A cluster of three stores.
  private func cluster(_ change: (inout PDConfig) -> Void = { _ in }) throws -> PDCore {
    var config = PDConfig(advertiseClientURLs: ["http://127.0.0.1:2379"])
    change(&config)
    let core = try PDCore(
      engine: MemoryEngine(), config: config, newClusterID: Self.clusterID, at: reading)
    _ = try core.allocateIDs(100_000)
    let first = Region(id: 2, epoch: .initial, peers: [PeerInfo(id: 3, storeID: 1)])
    try core.bootstrap(
      store: StoreInfo(id: 1, address: "127.0.0.1:1"), region: first, reading)
    for id in [4, 5] as [UInt64] {
      try core.putStore(StoreInfo(id: id, address: "127.0.0.1:\(id)"), reading)
    }
    return core
  }

  private func report(_ region: Region) -> Pdpb_RegionHeartbeatRequest {
    RegionHeartbeat(region: region, leader: region.peers[0], term: 9).wire(Self.clusterID)
  }

  // MARK: Heartbeats

  @Test func heartbeatsKeepEveryField() throws {
    let heartbeat = RegionHeartbeat(
      region: Self.wide, leader: Self.wide.peers[1], term: 4, pendingPeers: [Self.wide.peers[0]],
      downPeers: [DownPeer(peer: Self.wide.peers[2], seconds: 90)], approximateSize: 5,
      approximateKeys: 6, bytesWritten: 7, keysWritten: 8)
    #expect(try RegionHeartbeat(heartbeat.wire(Self.clusterID)) == heartbeat)
  }

  @Test func operatorStepsKeepEveryField() throws {
    let peer = PeerInfo(id: 9, storeID: 4, role: .learner)
    let change = AdminCommand.PeerChange(type: .addLearnerNode, peer: peer)
    let steps: [RegionOperator.Step] = [
      .changePeer(change), .changePeerV2([]), .changePeerV2([change, change]),
      .transferLeader(to: peer, candidates: [peer]), .transferLeader(to: peer, candidates: []),
      .splitRegion(keys: []), .splitRegion(keys: [[1, 2], [3]]),
    ]
    for step in steps {
      let sent = RegionOperator(
        regionID: 100, epoch: RegionEpoch(confVersion: 1, version: 2),
        leader: PeerInfo(id: 3, storeID: 1), step: step)
      let response = sent.wire(Self.clusterID)
      #expect(response.header.clusterID == Self.clusterID && !response.header.hasError)
      let bytes: [UInt8] = try response.serializedBytes()
      #expect(try RegionOperator(.init(serializedBytes: bytes)) == sent)
    }
    #expect(try RegionOperator(.init()) == nil)
  }

  @Test func malformedReportsAreRefusedAndNamed() throws {
    let core = try cluster()
    #expect(try PDMethods.regionHeartbeat(core, report(Self.wide), reading) == nil)
    let cases: [(inout Pdpb_RegionHeartbeatRequest) -> Void] = [
      { $0.clearRegion() }, { $0.region.id = 0 }, { $0.region.clearRegionEpoch() },
      { $0.clearLeader() }, { $0.leader.id = 9 }, { $0.leader.storeID = 9 },
      { $0.region.peers = [] }, { $0.region.peers[1].storeID = 1 },
      { $0.region.peers[1].id = 0 },
      {
        $0.region.startKey = [0x61].data
        $0.region.endKey = [0x61].data
      },
      { $0.region.peers[0].role = .UNRECOGNIZED(7) },
      { $0.leader.role = .UNRECOGNIZED(7) },
      {
        $0.clearRegion()
        $0.clearLeader()
      },
    ]
    for (index, change) in cases.enumerated() {
      var request = report(Self.wide)
      change(&request)
      let response = try #require(try PDMethods.regionHeartbeat(core, request, reading))
      #expect(response.header.error.type == .unknown, "case \(index)")
      #expect(response.regionID == request.region.id, "case \(index)")
      #expect(response.hasTargetPeer == request.hasLeader, "case \(index)")
      if request.hasLeader { #expect(response.targetPeer == request.leader, "case \(index)") }
    }
    #expect(try core.region(containing: [])?.region == Self.wide)
  }

  /// Of these peers PD reads the ids only.
  @Test func pendingAndDownPeersMayHaveAnyRole() throws {
    let core = try cluster()
    var request = report(Self.wide)
    request.pendingPeers = [Self.wide.peers[1].wire]
    request.pendingPeers[0].role = .UNRECOGNIZED(7)
    request.downPeers = [
      .with {
        $0.peer = Self.wide.peers[2].wire
        $0.peer.role = .UNRECOGNIZED(7)
        $0.downSeconds = 90
      }
    ]
    #expect(try PDMethods.regionHeartbeat(core, request, reading) == nil)
    let found = try #require(try core.region(id: 100))
    #expect(found.pendingPeers == [Self.wide.peers[1]])
    #expect(found.downPeers == [DownPeer(peer: Self.wide.peers[2], seconds: 90)])
  }

  // MARK: Lookups

  @Test func scansFillTheListsOfOldClients() throws {
    let core = try cluster()
    var left = Self.wide
    left.endKey = [0x6D]
    _ = try PDMethods.regionHeartbeat(core, report(left), reading)
    let right = Region(
      id: 101, startKey: [0x6D], epoch: left.epoch,
      peers: [PeerInfo(id: 11, storeID: 4), PeerInfo(id: 12, storeID: 5)])
    var far = right
    (far.id, far.startKey, far.peers) = (102, [0x7A], [PeerInfo(id: 13, storeID: 4)])
    var near = right
    near.endKey = [0x7A]
    // No heartbeat of its own, and its parent is unknown: no leader.
    try core.reportSplit([near, far])
    let response = try PDMethods.scanRegions(core, .with { $0.header = header }, reading)
    #expect(response.regions.map(\.region.id) == [100, 101, 102])
    #expect(response.regionMetas == response.regions.map(\.region))
    #expect(response.leaders.map(\.storeID) == [1, 0, 4])
    #expect(response.regions.map(\.hasLeader) == [true, false, true])
    #expect(response.leaders[1] == Metapb_Peer())
  }

  @Test func unknownRegionsAreResponsesWithoutARegion() throws {
    let core = try cluster()
    let unknown = try PDMethods.getRegionByID(
      core,
      .with {
        $0.header = header
        $0.regionID = 55
      }, reading)
    #expect(!unknown.hasRegion && !unknown.header.hasError)
    #expect(unknown.header.clusterID == Self.clusterID)
    let zero = try PDMethods.getRegionByID(core, .with { $0.header = header }, reading)
    #expect(zero.header.error.type == .unknown)
  }

  @Test func queriesAreParallelLists() throws {
    let core = try cluster()
    let response = try PDMethods.queryRegion(
      core,
      .with {
        $0.header = header
        $0.keys = [[].data, [0x61].data]
        $0.prevKeys = [[0x61].data]
        $0.ids = [2, 9]
      }, reading)
    #expect(response.keyIDMap == [2, 2] && response.prevKeyIDMap == [0])
    #expect(response.regionsByID.keys.sorted() == [2])
    #expect(response.regionsByID[2]?.leader.storeID == 1)
  }

  /// The estimate of a response's size is above its size.
  @Test func responsesAreBoundedInBytes() throws {
    let core = try cluster { $0.limits.replyBytes = 20_000 }
    func bound(_ number: Int) -> [UInt8] { [UInt8(number >> 8), UInt8(number & 0xFF)] }
    for number in 0..<200 {
      let made = Region(
        id: 200 + UInt64(number), startKey: number == 0 ? [] : bound(number),
        endKey: number == 199 ? [] : bound(number + 1),
        epoch: RegionEpoch(confVersion: 1, version: 11),
        peers: [1, 4, 5].map { PeerInfo(id: 10 * (200 + UInt64(number)) + $0, storeID: $0) })
      #expect(try PDMethods.regionHeartbeat(core, report(made), reading) == nil)
    }
    func scan(_ limit: Int32) throws -> Pdpb_ScanRegionsResponse {
      try PDMethods.scanRegions(
        core,
        .with {
          $0.header = header
          $0.limit = limit
        }, reading)
    }
    func batch(_ limit: Int32) throws -> Pdpb_BatchScanRegionsResponse {
      try PDMethods.batchScanRegions(
        core,
        .with {
          $0.header = header
          $0.limit = limit
          $0.ranges = [Pdpb_KeyRange()]
        }, reading)
    }
    let most = try (1...200).last { try !scan(Int32($0)).header.hasError }
    #expect(try scan(Int32(try #require(most))).serializedData().count <= 20_000)
    let more = try (1...200).last { try !batch(Int32($0)).header.hasError }
    #expect(try batch(Int32(try #require(more))).serializedData().count <= 20_000)
    let refused = try scan(0)
    #expect(refused.header.error.type == .invalidValue && refused.regions.isEmpty)
  }
}
