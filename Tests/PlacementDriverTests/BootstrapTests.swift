import Codec
import Engine
import PlacementDriver
import Testing
import Wire

struct BootstrapTests {
  private func isBootstrapped(_ bench: Bench) throws -> Bool {
    try bench.driver.isBootstrapped(.with { $0.header = bench.header }, bench.moment).bootstrapped
  }

  @Test func onceAndForEver() throws {
    let bench = try Bench()
    #expect(try !isBootstrapped(bench))
    #expect(try !bench.bootstrap().header.hasError)
    #expect(try isBootstrapped(bench))
    let again = try bench.bootstrap()
    #expect(again.header.error.type == .alreadyBootstrapped)
    try bench.restart(lossy: true)
    #expect(try isBootstrapped(bench))
    #expect(try bench.bootstrap().header.error.type == .alreadyBootstrapped)
    #expect(try bench.region("").region.id == 2)
    #expect(try bench.info(1).address == "127.0.0.1:20161")
  }

  @Test func theOnlyVoterIsTheLeader() throws {
    let bench = try Bench()
    try bench.bootstrap()
    let response = try bench.region("any")
    #expect(response.region.id == 2)
    #expect(response.leader.id == 3 && response.leader.storeID == 1)
    try bench.restart()
    #expect(try bench.region("any").leader.id == 3)
  }

  @Test func callsThatNeedAClusterSaySo() throws {
    let bench = try Bench()
    #expect(try bench.region("a").header.error.type == .notBootstrapped)
    #expect(try bench.put(1).header.error.type == .notBootstrapped)
    #expect(try bench.beat(1).header.error.type == .notBootstrapped)
    let replies = try bench.beat(region(2, "", ""), leader: 1)
    #expect(replies.map(\.response.header.error.type) == [.notBootstrapped])
    #expect(try bench.driver.tick(bench.moment).isEmpty)
  }

  @Test func nonsenseIsRefused() throws {
    let good = Region(id: 2, epoch: .initial, peers: [Peer(id: 3, storeID: 1)])
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
    add { $0.peers.append(Peer(id: 4, storeID: 2)) }
    add { $0.peers[0].id = 0 }
    add { $0.peers[0].storeID = 2 }
    let bench = try Bench()
    for region in cases {
      #expect(try bench.bootstrap(region).header.error.type == .unknown, "\(region)")
    }
    let bare = try bench.driver.bootstrap(.with { $0.header = bench.header }, bench.moment)
    #expect(bare.header.error.message == "missing store meta for bootstrap")
    let half = try bench.driver.bootstrap(
      .with {
        $0.header = bench.header
        $0.store = bench.store(1)
      }, bench.moment)
    #expect(half.header.error.message == "missing region meta for bootstrap")
    #expect(try !isBootstrapped(bench))
    #expect(try !bench.bootstrap(good).header.hasError)
  }

  @Test func configurationIsKept() throws {
    let bench = try Bench()
    try bench.bootstrap()
    func count() throws -> UInt32 {
      try bench.driver.getClusterConfig(.with { $0.header = bench.header }, bench.moment)
        .cluster.maxPeerCount
    }
    func set(_ count: UInt32, _ id: UInt64 = Bench.clusterID) throws -> Pdpb_ResponseHeader {
      try bench.driver.putClusterConfig(
        .with {
          $0.header = bench.header
          $0.cluster.id = id
          $0.cluster.maxPeerCount = count
        }, bench.moment
      ).header
    }
    #expect(try count() == 3)
    #expect(try !set(5).hasError)
    try bench.restart(lossy: true)
    #expect(try count() == 5)
    #expect(try set(0).error.type == .invalidValue)
    #expect(try set(3, 1).error.type == .unknown)
    #expect(try count() == 5)
  }

  @Test func damagedStateIsNamed() throws {
    let bench = try Bench()
    try bench.bootstrap()
    var batch = WriteBatch()
    batch.put(.raft, key("pd/r/") + [0, 0, 0, 0, 0, 0, 0, 2], [0xFF, 0xFF])
    try bench.engine.write(batch, .synced)
    let error = #expect(throws: PlacementError.self) { try bench.restart() }
    #expect(error?.code == .dataLoss)
    #expect(error?.message.contains("pd/r/") == true)
  }
}
