import Codec
import PlacementDriver
import Testing

struct IDTests {
  @Test func idsIncrease() throws {
    let fixture = try PDFixture(allocated: 0)
    var last: UInt64 = 0
    for _ in 0..<2500 {
      let id = try fixture.allocate()
      #expect(id == last + 1)
      last = id
    }
  }

  @Test func aBlockReturnsItsLast() throws {
    let fixture = try PDFixture(allocated: 0)
    #expect(try fixture.allocate(5) == 5)
    #expect(try fixture.allocate() == 6)
    #expect(try fixture.allocate(1994) == 2000)
    #expect(try fixture.allocate() == 2001)
  }

  @Test(arguments: [1, 999, 1000, 1001, 3333] as [UInt64])
  func noIDComesTwiceAfterACrash(count: UInt64) throws {
    let fixture = try PDFixture(allocated: 0)
    let before = try fixture.allocate(count)
    try fixture.restart(lossy: true)
    let first = try fixture.allocate()
    #expect(first > before)
    #expect(first <= before + 1001)
    try fixture.restart(lossy: true)
    #expect(try fixture.allocate() > first)
  }

  /// Were they believed, the allocator would give them again.
  @Test func idsThatWereNeverGivenAreRefused() throws {
    let fixture = try PDFixture(allocated: 0)
    func isRefused(_ refusal: PDError?, _ what: String) -> Bool {
      refusal?.message == "invalid \(what): it was never allocated"
    }
    func first(_ region: UInt64, _ peer: UInt64, _ store: UInt64) throws -> PDError? {
      let first = Region(id: region, epoch: .initial, peers: [PeerInfo(id: peer, storeID: store)])
      return try fixture.bootstrap(first, store: store)
    }
    #expect(try fixture.allocate(3) == 3)
    #expect(isRefused(try first(4, 2, 1), "region id 4"))
    #expect(isRefused(try first(3, .max, 1), "peer id \(UInt64.max)"))
    #expect(isRefused(try first(3, 2, 4), "store id 4"))
    #expect(try first(3, 2, 1) == nil)

    #expect(isRefused(try fixture.put(4), "store id 4"))
    let largest = try fixture.put(.max, address: "127.0.0.1:1")
    #expect(isRefused(largest, "store id \(UInt64.max)"))
    #expect(throws: PDError.self) { try fixture.info(4) }
    #expect(try fixture.allocate() == 4)
    #expect(try fixture.put(4) == nil)

    func heard(_ region: UInt64, _ peers: [PeerInfo]) throws -> PDError? {
      let report = Region(
        id: region, epoch: RegionEpoch(confVersion: 9, version: 9), peers: peers)
      return try fixture.beat(report, leader: 1).refusal
    }
    let known = PeerInfo(id: 2, storeID: 1)
    #expect(isRefused(try heard(5, [known]), "region id 5"))
    #expect(isRefused(try heard(3, [known, PeerInfo(id: 5, storeID: 4)]), "peer id 5"))
    #expect(isRefused(try heard(3, [known, PeerInfo(id: 4, storeID: 5)]), "store id 5"))
    func split(_ right: Region) throws -> PDError? {
      let left = Region(
        id: 3, endKey: key("m"), epoch: RegionEpoch(confVersion: 1, version: 2), peers: [known])
      return try fixture.refusal { try fixture.core.reportSplit([left, right]) }
    }
    let epoch = RegionEpoch(confVersion: 1, version: 2)
    let peer = PeerInfo(id: 4, storeID: 1)
    #expect(
      isRefused(
        try split(Region(id: 5, startKey: key("m"), epoch: epoch, peers: [peer])), "region id 5"))
    #expect(try fixture.region("z")?.region.epoch.version == 1)
    // All that was given last may be used after a restart.
    try fixture.restart(lossy: true)
    #expect(
      try split(Region(id: 4, startKey: key("m"), epoch: epoch, peers: [peer])) == nil)
    #expect(isRefused(try fixture.put(1001), "store id 1001"))
  }

  @Test func tooManyAtOnceIsRefused() throws {
    let fixture = try PDFixture(allocated: 0)
    let error = #expect(throws: PDError.self) { try fixture.allocate(.max) }
    #expect(error?.code == .invalidArgument)
    #expect(try fixture.allocate() == 1)
  }

  @Test func nothingIsGivenWhenTheDiskFails() throws {
    let fixture = try PDFixture(allocated: 0)
    _ = try fixture.allocate(1000)
    fixture.fail(.sync)
    #expect(throws: PDError.self) { try fixture.allocate() }
    #expect(fixture.core.failure != nil)
    // Nothing is trusted any more, not even what needs no disk.
    let error = #expect(throws: PDError.self) { try fixture.region("a") }
    #expect(error?.code == .unavailable)
  }
}
