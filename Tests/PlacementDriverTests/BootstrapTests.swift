import Codec
import Engine
import PlacementDriver
import Testing
import Wire

struct BootstrapTests {
  private func isBootstrapped(_ fixture: PDFixture) throws -> Bool {
    try fixture.driver.isBootstrapped(.with { $0.header = fixture.header }, fixture.reading)
      .bootstrapped
  }

  @Test func onceAndForEver() throws {
    let fixture = try PDFixture()
    #expect(try !isBootstrapped(fixture))
    #expect(try !fixture.bootstrap().header.hasError)
    #expect(try isBootstrapped(fixture))
    let again = try fixture.bootstrap()
    #expect(again.header.error.type == .alreadyBootstrapped)
    try fixture.restart(lossy: true)
    #expect(try isBootstrapped(fixture))
    #expect(try fixture.bootstrap().header.error.type == .alreadyBootstrapped)
    #expect(try fixture.region("").region.id == 2)
    #expect(try fixture.info(1).address == "127.0.0.1:20161")
  }

  @Test func theOnlyVoterIsTheLeader() throws {
    let fixture = try PDFixture()
    try fixture.bootstrap()
    let response = try fixture.region("any")
    #expect(response.region.id == 2)
    #expect(response.leader.id == 3 && response.leader.storeID == 1)
    try fixture.restart()
    #expect(try fixture.region("any").leader.id == 3)
  }

  @Test func callsThatNeedAClusterSaySo() throws {
    let fixture = try PDFixture()
    #expect(try fixture.region("a").header.error.type == .notBootstrapped)
    #expect(try fixture.put(1).header.error.type == .notBootstrapped)
    #expect(try fixture.beat(1).header.error.type == .notBootstrapped)
    let replies = try fixture.beat(region(2, "", ""), leader: 1)
    #expect(replies.map(\.response.header.error.type) == [.notBootstrapped])
    #expect(try fixture.driver.tick(fixture.reading).isEmpty)
  }

  @Test func nonsenseIsRefused() throws {
    let good = Region(id: 2, epoch: .initial, peers: [PeerInfo(id: 3, storeID: 1)])
    var cases: [Region] = []
    func add(_ change: (inout Region) -> Void) {
      var region = good
      change(&region)
      cases.append(region)
    }
    add { $0.id = 0 }
    add { $0.startKey = [1] }
    add { $0.endKey = [1] }
    add { $0.epoch = RegionEpoch() }
    add { $0.peers = [] }
    add { $0.peers.append(PeerInfo(id: 4, storeID: 2)) }
    add { $0.peers[0].id = 0 }
    add { $0.peers[0].storeID = 2 }
    let fixture = try PDFixture()
    for region in cases {
      #expect(try fixture.bootstrap(region).header.error.type == .unknown, "\(region)")
    }
    let bare = try fixture.driver.bootstrap(.with { $0.header = fixture.header }, fixture.reading)
    #expect(bare.header.error.message == "missing store meta for bootstrap")
    let half = try fixture.driver.bootstrap(
      .with {
        $0.header = fixture.header
        $0.store = fixture.store(1)
      }, fixture.reading)
    #expect(half.header.error.message == "missing region meta for bootstrap")
    #expect(try !isBootstrapped(fixture))
    #expect(try !fixture.bootstrap(good).header.hasError)
  }

  @Test func configurationIsKept() throws {
    let fixture = try PDFixture()
    try fixture.bootstrap()
    func count() throws -> UInt32 {
      try fixture.driver.getClusterConfig(.with { $0.header = fixture.header }, fixture.reading)
        .cluster.maxPeerCount
    }
    func set(_ count: UInt32, _ id: UInt64 = PDFixture.clusterID) throws -> Pdpb_ResponseHeader {
      try fixture.driver.putClusterConfig(
        .with {
          $0.header = fixture.header
          $0.cluster.id = id
          $0.cluster.maxPeerCount = count
        }, fixture.reading
      ).header
    }
    #expect(try count() == 3)
    #expect(try !set(5).hasError)
    try fixture.restart(lossy: true)
    #expect(try count() == 5)
    #expect(try set(0).error.type == .invalidValue)
    #expect(try set(3, 1).error.type == .unknown)
    #expect(try count() == 5)
  }

  @Test func damagedStateIsNamed() throws {
    let fixture = try PDFixture()
    try fixture.bootstrap()
    var batch = WriteBatch()
    batch.put(.raft, key("pd/r/") + [0, 0, 0, 0, 0, 0, 0, 2], [0xFF, 0xFF])
    try fixture.engine.write(batch, .synced)
    let error = #expect(throws: PDError.self) { try fixture.restart() }
    #expect(error?.code == .dataLoss)
    #expect(error?.message.contains("pd/r/") == true)
  }
}
