import Codec
import Engine
import PlacementDriver
import Testing

struct BootstrapTests {
  private func isBootstrapped(_ fixture: PDFixture) -> Bool {
    fixture.core.isBootstrapped
  }

  @Test func onceAndForEver() throws {
    let fixture = try PDFixture()
    #expect(!isBootstrapped(fixture))
    #expect(try fixture.bootstrap() == nil)
    #expect(isBootstrapped(fixture))
    #expect(try fixture.bootstrap()?.refusal == .alreadyBootstrapped)
    try fixture.restart(lossy: true)
    #expect(isBootstrapped(fixture))
    #expect(try fixture.bootstrap()?.refusal == .alreadyBootstrapped)
    #expect(try fixture.region("")?.region.id == 2)
    #expect(try fixture.info(1).address == "127.0.0.1:20161")
  }

  @Test func theOnlyVoterIsTheLeader() throws {
    let fixture = try PDFixture()
    try fixture.bootstrap()
    let found = try #require(try fixture.region("any"))
    #expect(found.region.id == 2)
    #expect(found.leader?.id == 3 && found.leader?.storeID == 1)
    try fixture.restart()
    #expect(try fixture.region("any")?.leader?.id == 3)
  }

  @Test func callsThatNeedAClusterSaySo() throws {
    let fixture = try PDFixture()
    let error = #expect(throws: PDError.self) { try fixture.region("a") }
    #expect(error?.refusal == .notBootstrapped)
    #expect(try fixture.put(1)?.refusal == .notBootstrapped)
    #expect(try fixture.beat(1)?.refusal == .notBootstrapped)
    let heartbeat = try fixture.beat(region(2, "", ""), leader: 1)
    #expect(heartbeat.refusal?.refusal == .notBootstrapped)
    #expect(try fixture.core.tick(fixture.reading).isEmpty)
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
      #expect(try fixture.bootstrap(region)?.refusal == .unknown, "\(region)")
    }
    #expect(!isBootstrapped(fixture))
    #expect(try fixture.bootstrap(good) == nil)
  }

  @Test func configurationIsKept() throws {
    let fixture = try PDFixture()
    try fixture.bootstrap()
    #expect(try fixture.core.replicaCount() == 3)
    try fixture.core.setReplicaCount(5)
    try fixture.restart(lossy: true)
    #expect(try fixture.core.replicaCount() == 5)
    for count in [0, 101, .max] as [UInt32] {
      let error = #expect(throws: PDError.self) { try fixture.core.setReplicaCount(count) }
      #expect(error?.refusal == .invalidValue)
    }
    #expect(try fixture.core.replicaCount() == 5)
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
