import Codec
import PlacementDriver
import Testing

/// The lowest resolved timestamp of all stores.
struct ResolvedTSTests {
  /// Three stores; regions 10 of `a..m` led by store 1 and 20 of `m..` led by store 2.
  private func fixture() throws -> PDFixture {
    let fixture = try PDFixture()
    try fixture.bootstrap(region(10, "", "", stores: [1]))
    for id in 1...3 as ClosedRange<UInt64> { try fixture.put(id) }
    try fixture.beat(region(10, "", "m", version: 2, stores: [1]), leader: 1)
    try fixture.beat(region(20, "m", "", version: 2, stores: [2]), leader: 2)
    return fixture
  }

  private func lowest(_ fixture: PDFixture, store id: UInt64? = nil) throws -> UInt64 {
    try fixture.core.minResolvedTS(storeID: id)
  }

  private func report(_ fixture: PDFixture, _ timestamp: UInt64, _ store: UInt64) throws -> PDError?
  {
    try fixture.refusal { try fixture.core.reportMinResolvedTS(timestamp, storeID: store) }
  }

  @Test func itIsTheLowestOfAllStoresThatLead() throws {
    let fixture = try fixture()
    let base = try fixture.timestamp().value
    #expect(try report(fixture, base, 1) == nil)
    #expect(try lowest(fixture) == 0, "store 2 has not reported")
    #expect(try report(fixture, base - 5, 2) == nil)
    #expect(try lowest(fixture) == base - 5)
    #expect(try lowest(fixture, store: 1) == base)
    #expect(try lowest(fixture, store: 3) == 0)
    // Nothing moves back.
    #expect(try report(fixture, base - 9, 2) == nil)
    #expect(try lowest(fixture, store: 2) == base - 5)
    #expect(try report(fixture, base, 2) == nil)
    #expect(try lowest(fixture) == base)
    // A store that has just begun to lead.
    try fixture.beat(region(20, "m", "", version: 2, conf: 2, stores: [3]), leader: 3, term: 9)
    #expect(try report(fixture, base, 1) == nil)
    #expect(try lowest(fixture) == base)
  }

  /// A region that no one has reported may be resolved less far than the others.
  @Test func afterARestartAllLeadersMustBeKnown() throws {
    let fixture = try fixture()
    let base = try fixture.timestamp().value
    try fixture.restart()
    #expect(try lowest(fixture) == 0)
    try fixture.beat(region(10, "", "m", version: 2, stores: [1]), leader: 1)
    #expect(try report(fixture, base, 1) == nil)
    #expect(try lowest(fixture) == 0)
    try fixture.beat(region(20, "m", "", version: 2, stores: [2]), leader: 2)
    #expect(try report(fixture, base - 1, 2) == nil)
    #expect(try lowest(fixture) == base - 1)
  }

  @Test func reportsThatCannotBeTrueAreRefused() throws {
    let fixture = try PDFixture()
    #expect(throws: PDError.self) { try fixture.core.reportMinResolvedTS(1, storeID: 1) }
    let bootstrapped = try self.fixture()
    let base = try bootstrapped.timestamp().value
    #expect(try report(bootstrapped, base, 4711)?.refusal == .unknown)
    #expect(try report(bootstrapped, .max, 1)?.refusal == .invalidValue)
    #expect(try report(bootstrapped, base + (10_000 << Timestamp.logicalBits), 1) != nil)
    #expect(try lowest(bootstrapped, store: 1) == 0)
    #expect(throws: PDError.self) { try lowest(bootstrapped, store: 4711) }
  }
}
