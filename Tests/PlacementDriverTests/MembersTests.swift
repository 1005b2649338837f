import Codec
import PlacementDriver
import Testing
import Wire

struct MembersTests {
  @Test func oneMemberLeads() throws {
    let fixture = try PDFixture()
    let response = try fixture.driver.getMembers(.init(), fixture.reading)
    #expect(response.header.clusterID == PDFixture.clusterID)
    #expect(!response.header.hasError)
    #expect(response.members.count == 1)
    #expect(response.leader == response.members[0])
    #expect(response.etcdLeader == response.members[0])
    #expect(response.leader.memberID != 0)
    #expect(response.leader.clientUrls == ["http://127.0.0.1:2379"])
  }

  @Test func clusterAndMemberIDsSurvive() throws {
    let fixture = try PDFixture()
    let member = fixture.driver.memberID
    try fixture.restart(lossy: true)
    #expect(fixture.driver.clusterID == PDFixture.clusterID)
    #expect(fixture.driver.memberID == member)
  }

  @Test func anotherClustersRequestIsRefused() throws {
    let fixture = try PDFixture()
    let error = #expect(throws: PDError.self) {
      try fixture.driver.allocID(.with { $0.header.clusterID = 5 }, fixture.reading)
    }
    #expect(error?.code == .failedPrecondition)
    #expect(error?.message == "mismatch cluster id, need \(PDFixture.clusterID) but got 5")
  }

  @Test func serviceModeIsPlain() throws {
    let fixture = try PDFixture()
    let response = try fixture.driver.getClusterInfo(.init(), fixture.reading)
    #expect(response.serviceModes == [.pdSvcMode])
    #expect(response.header.clusterID == PDFixture.clusterID)
  }

  @Test func etcdClientsFindTheMember() throws {
    let fixture = try PDFixture()
    let response = try fixture.driver.memberList(.init(), fixture.reading)
    #expect(response.members.count == 1)
    #expect(response.members[0].name == "apus-pd")
    #expect(response.members[0].clientUrls == ["http://127.0.0.1:2379"])
    #expect(response.header.clusterID == PDFixture.clusterID)
  }

  @Test func etcdKeyHoldsTheTxnSafePoint() throws {
    let fixture = try PDFixture()
    try fixture.bootstrap()
    let request = Etcdserverpb_RangeRequest.with {
      $0.key = key("/tidb/store/gcworker/saved_safe_point").data
    }
    #expect(try fixture.driver.etcdRange(request, fixture.reading).kvs.isEmpty)
    _ = try fixture.driver.advanceTxnSafePoint(
      .with {
        $0.header = fixture.header
        $0.target = 440
      }, fixture.reading)
    let response = try fixture.driver.etcdRange(request, fixture.reading)
    #expect(response.kvs.map { [UInt8]($0.value) } == [key("440")])
    #expect(response.count == 1)
    #expect(
      try fixture.driver.etcdRange(.with { $0.key = key("other").data }, fixture.reading).kvs
        .isEmpty)
  }

  @Test func noRoutersAreRegistered() throws {
    let fixture = try PDFixture()
    let response = try fixture.driver.metaStorageGet(
      .with { $0.key = key("/ms/1/router/registry/").data }, fixture.reading)
    #expect(response.kvs.isEmpty && response.header.clusterID == PDFixture.clusterID)
    #expect(!response.header.hasError)
  }

  @Test func onlyTheDefaultKeyspaceExists() throws {
    let fixture = try PDFixture()
    try fixture.bootstrap()
    func load(_ name: String) throws -> Keyspacepb_LoadKeyspaceResponse {
      try fixture.driver.loadKeyspace(
        .with {
          $0.header = fixture.header
          $0.name = name
        }, fixture.reading)
    }
    let known = try load("DEFAULT")
    #expect(known.keyspace.id == 0 && known.keyspace.state == .enabled && known.hasKeyspace)
    #expect(try load("x").header.error.type == .entryNotFound)
  }
}
