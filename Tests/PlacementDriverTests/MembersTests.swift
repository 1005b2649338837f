import Codec
import PlacementDriver
import Testing
import Wire

struct MembersTests {
  @Test func oneMemberLeads() throws {
    let bench = try Bench()
    let response = try bench.driver.getMembers(.init(), bench.moment)
    #expect(response.header.clusterID == Bench.clusterID)
    #expect(!response.header.hasError)
    #expect(response.members.count == 1)
    #expect(response.leader == response.members[0])
    #expect(response.etcdLeader == response.members[0])
    #expect(response.leader.memberID != 0)
    #expect(response.leader.clientUrls == ["http://127.0.0.1:2379"])
  }

  @Test func clusterAndMemberIDsSurvive() throws {
    let bench = try Bench()
    let member = bench.driver.memberID
    try bench.restart(lossy: true)
    #expect(bench.driver.clusterID == Bench.clusterID)
    #expect(bench.driver.memberID == member)
  }

  @Test func anotherClustersRequestIsRefused() throws {
    let bench = try Bench()
    let error = #expect(throws: PlacementError.self) {
      try bench.driver.allocID(.with { $0.header.clusterID = 5 }, bench.moment)
    }
    #expect(error?.code == .failedPrecondition)
    #expect(error?.message == "mismatch cluster id, need \(Bench.clusterID) but got 5")
  }

  @Test func serviceModeIsPlain() throws {
    let bench = try Bench()
    let response = try bench.driver.getClusterInfo(.init(), bench.moment)
    #expect(response.serviceModes == [.pdSvcMode])
    #expect(response.header.clusterID == Bench.clusterID)
  }

  @Test func etcdClientsFindTheMember() throws {
    let bench = try Bench()
    let response = try bench.driver.memberList(.init(), bench.moment)
    #expect(response.members.count == 1)
    #expect(response.members[0].name == "apus-pd")
    #expect(response.members[0].clientUrls == ["http://127.0.0.1:2379"])
    #expect(response.header.clusterID == Bench.clusterID)
  }

  @Test func etcdKeyHoldsTheTxnSafePoint() throws {
    let bench = try Bench()
    try bench.bootstrap()
    let request = Etcdserverpb_RangeRequest.with {
      $0.key = key("/tidb/store/gcworker/saved_safe_point").data
    }
    #expect(try bench.driver.etcdRange(request, bench.moment).kvs.isEmpty)
    _ = try bench.driver.advanceTxnSafePoint(
      .with {
        $0.header = bench.header
        $0.target = 440
      }, bench.moment)
    let response = try bench.driver.etcdRange(request, bench.moment)
    #expect(response.kvs.map { [UInt8]($0.value) } == [key("440")])
    #expect(response.count == 1)
    #expect(
      try bench.driver.etcdRange(.with { $0.key = key("other").data }, bench.moment).kvs.isEmpty)
  }

  @Test func noRoutersAreRegistered() throws {
    let bench = try Bench()
    let response = try bench.driver.metaStorageGet(
      .with { $0.key = key("/ms/1/router/registry/").data }, bench.moment)
    #expect(response.kvs.isEmpty && response.header.clusterID == Bench.clusterID)
    #expect(!response.header.hasError)
  }

  @Test func onlyTheDefaultKeyspaceExists() throws {
    let bench = try Bench()
    try bench.bootstrap()
    func load(_ name: String) throws -> Keyspacepb_LoadKeyspaceResponse {
      try bench.driver.loadKeyspace(
        .with {
          $0.header = bench.header
          $0.name = name
        }, bench.moment)
    }
    let known = try load("DEFAULT")
    #expect(known.keyspace.id == 0 && known.keyspace.state == .enabled && known.hasKeyspace)
    #expect(try load("x").header.error.type == .entryNotFound)
  }
}
