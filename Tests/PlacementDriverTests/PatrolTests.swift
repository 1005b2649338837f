import Codec
import Testing

@testable import PlacementDriver

/// How many regions PD checks without their heartbeats.
struct PatrolTests {
  /// A quiet cluster of so many regions on one store, of which one replica each is enough.
  private func fixture(regions: UInt64, batch: Int, ticks: Int) throws -> PDFixture {
    let fixture = try PDFixture {
      $0.maxReplicas = 1
      $0.replicas.patrolBatch = 500
      $0.replicas.quietPatrolBatch = batch
      $0.replicas.quietPatrolTicks = ticks
      $0.merging.scheduleLimit = 0
    }
    try fixture.bootstrap()
    for id in 1...2 as ClosedRange<UInt64> {
      try fixture.put(id)
      try fixture.beat(id)
    }
    func bound(_ number: UInt64) -> [UInt8] { Array(String(1_000 + number).utf8) }
    for number in 0..<regions {
      let region = Region(
        id: 1_000 + number, startKey: number == 0 ? [] : bound(number),
        endKey: number == regions - 1 ? [] : bound(number + 1),
        epoch: RegionEpoch(confVersion: 1, version: 2),
        peers: [PeerInfo(id: 5_000 + number, storeID: 1)])
      try fixture.beat(region, leader: 1)
    }
    return fixture
  }

  private func checked(_ fixture: PDFixture) throws -> Int {
    let before = fixture.core.patrolPosition
    _ = try fixture.core.tick(fixture.reading)
    return fixture.core.patrolPosition - before
  }

  @Test func aQuietClusterIsCheckedSlowly() throws {
    let large = try fixture(regions: 600, batch: 7, ticks: 20)
    #expect(try checked(large) == 30)
    let small = try fixture(regions: 100, batch: 7, ticks: 20)
    #expect(try checked(small) == 7)
  }

  @Test func aStoreThatIsAwayMakesPDLookAtAllRegionsSoon() throws {
    let fixture = try fixture(regions: 600, batch: 7, ticks: 20)
    fixture.pass(fixture.config.disconnectTime.inSeconds + 1)
    try fixture.beat(1)
    #expect(try checked(fixture) == 500)
  }
}
