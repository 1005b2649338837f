import Codec
import Runtime
import Testing

@testable import PlacementDriver

struct StoreLimitTests {
  private func at(_ seconds: Double) -> Instant { Instant(nanoseconds: UInt64(seconds * 1e9)) }

  @Test func regionsCostByTheirSize() {
    #expect(StoreLimits.cost(0) == 0 && StoreLimits.cost(1 << 20) == 0)
    #expect(StoreLimits.cost(2 << 20) == 200 && StoreLimits.cost(20 << 20) == 200)
    #expect(StoreLimits.cost(21 << 20) == 1000 && StoreLimits.cost(.max) == 1000)
  }

  @Test func aBucketRefillsAtItsRate() {
    var limits = StoreLimits()
    func allows(_ second: Double, _ direction: StoreLimits.Direction = .addPeer) -> Bool {
      limits.allows(1000, 1, direction, rate: 15, at: at(second))
    }
    #expect(allows(0))
    limits.take(1000, 1, .addPeer, rate: 15, at: at(0))
    #expect(!allows(3.9) && allows(4))
    #expect(allows(0, .removePeer), "directions are apart")
    #expect(limits.allows(1000, 2, .addPeer, rate: 15, at: at(0)), "stores are apart")
    #expect(limits.allows(0, 1, .addPeer, rate: 15, at: at(0)), "empty regions are free")
    #expect(limits.allows(1000, 1, .addPeer, rate: StoreLimits.unlimited, at: at(0)))
    limits.take(1000, 1, .addPeer, rate: 15, at: at(100))
    #expect(!allows(103) && allows(104), "it holds no more than its size")
  }

  /// Twelve large regions move to an empty store, no faster than it may get them.
  @Test func balancingKeepsTheLimit() throws {
    let fixture = try PDFixture()
    try fixture.bootstrap()
    for id in [4, 5, 6] as [UInt64] { try fixture.put(id) }
    try fixture.core.setLimit(6, rate: 6, direction: "add-peer")
    for index in 0..<12 {
      let made = region(
        100 + UInt64(index), index == 0 ? "" : "k\(10 + index)",
        index == 11 ? "" : "k\(11 + index)",
        version: 20, conf: 5, stores: [1, 4, 5])
      try fixture.beat(made, leader: 1, size: 64 << 20)
    }
    func started() -> Int {
      fixture.core.operatorSummaries(fixture.reading).filter { $0.name == "balance-region" }.count
    }
    func tick(_ seconds: Double) throws {
      fixture.pass(seconds)
      for id in [1, 4, 5, 6] as [UInt64] { try fixture.beat(id) }
      _ = try fixture.core.tick(fixture.reading)
    }
    try tick(5)
    #expect(started() == 1)
    try tick(5)
    #expect(started() == 1)
    try tick(5)
    #expect(started() == 2)
    try fixture.core.setLimit(nil, rate: StoreLimits.unlimited, direction: nil)
    try tick(5)
    #expect(started() > 4)
  }
}
