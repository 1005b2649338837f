import Codec
import PlacementDriver
import Testing

/// Forged or damaged reports of regions: what no leader confirms gives way to one that goes on reporting.
struct RegionClaimTests {
  private static let interval = 60.0

  /// Region 100 on stores 1, 4 and 5, epoch 5/5, led from store 1 in term 8.
  private func threeReplicas() throws -> (PDFixture, Region) {
    let fixture = try PDFixture()
    try fixture.bootstrap()
    for id in [4, 5] as [UInt64] { try fixture.put(id) }
    let wide = region(100, "", "", version: 5, conf: 5, stores: [1, 4, 5])
    #expect(try fixture.beat(wide, leader: 1, term: 8).isEmpty)
    return (fixture, wide)
  }

  /// One interval passes, then stores and the given leaders report; whether each leader was believed.
  @discardableResult
  private func round(
    _ fixture: PDFixture, _ reports: [(Region, leader: UInt64, term: UInt64)],
    stores: [UInt64] = [1, 4, 5]
  ) throws -> [Bool] {
    fixture.pass(Self.interval)
    for id in stores { try fixture.beat(id) }
    return try reports.map { region, leader, term in
      return try fixture.beat(region, leader: leader, term: term).refusal == nil
    }
  }

  private func located(_ fixture: PDFixture, _ key: String) throws -> (Region, UInt64) {
    let found = try #require(try fixture.region(key))
    return (found.region, found.leader?.storeID ?? 0)
  }

  // MARK: What heals

  @Test func anAbsurdEpochGivesWay() throws {
    let (fixture, wide) = try threeReplicas()
    var forged = wide
    forged.epoch = RegionEpoch(confVersion: .max, version: .max)
    #expect(try fixture.beat(forged, leader: 4, term: .max).isEmpty)
    _ = fixture.core.takeNotices()
    for _ in 0..<3 {
      #expect(try round(fixture, [(wide, 1, 8)]) == [false])
      #expect(try located(fixture, "k").0 == forged)
    }
    #expect(try round(fixture, [(wide, 1, 8)]) == [true])
    #expect(try located(fixture, "k") == (wide, 1))
    let notices = fixture.core.takeNotices()
    #expect(
      notices.last
        == .replacedUnconfirmed([forged], by: wide, leader: wide.peers[0], after: .seconds(180)))
    // On disk as well, and for good.
    try fixture.restart()
    #expect(try located(fixture, "k").0 == wide)
    #expect(try round(fixture, [(wide, 1, 8)]) == [true])
  }

  /// Written to disk and read back, it is as unconfirmed as before.
  @Test func aRestartConfirmsNothing() throws {
    let (fixture, wide) = try threeReplicas()
    var forged = wide
    forged.epoch = RegionEpoch(confVersion: .max, version: .max)
    #expect(try fixture.beat(forged, leader: 4, term: .max).isEmpty)
    fixture.pass(30)
    try fixture.restart()
    #expect(try located(fixture, "k").0 == forged)
    let believed = try (0..<5).map { _ in try round(fixture, [(wide, 1, 8)]) == [true] }
    #expect(believed == [false, false, false, true, true])
  }

  @Test func anotherRegionsRangeGivesWay() throws {
    let (fixture, wide) = try threeReplicas()
    let forged = region(200, "a", "b", version: 6, conf: 1, stores: [1, 4, 5])
    #expect(try fixture.beat(forged, leader: 5, term: 6).isEmpty)
    #expect(try fixture.region("z") == nil)
    let believed = try (0..<4).map { _ in try round(fixture, [(wide, 1, 8)]) == [true] }
    #expect(believed == [false, false, false, true])
    for text in ["", "a", "z"] { #expect(try located(fixture, text) == (wide, 1)) }
    #expect(try fixture.region(id: 200) == nil)
    try fixture.restart()
    #expect(try located(fixture, "a").0 == wide)
  }

  @Test func oneReportOverManyRegionsGivesWayToAllOfThem() throws {
    let (fixture, _) = try threeReplicas()
    let left = region(100, "", "m", version: 6, conf: 5, stores: [1, 4, 5])
    let right = region(200, "m", "", version: 6, conf: 5, stores: [1, 4, 5])
    try fixture.beat(left, leader: 1, term: 8)
    try fixture.beat(right, leader: 4, term: 8)
    try fixture.beat(region(300, "", "", version: .max, stores: [1, 4, 5]), leader: 5, term: 8)
    for _ in 0..<5 { try round(fixture, [(left, 1, 8), (right, 4, 8)]) }
    #expect(try located(fixture, "a") == (left, 1))
    #expect(try located(fixture, "z") == (right, 4))
  }

  /// The same epoch, another leader, a term that no one can reach.
  @Test func anAbsurdTermGivesWay() throws {
    let (fixture, wide) = try threeReplicas()
    #expect(try fixture.beat(wide, leader: 5, term: .max).isEmpty)
    let believed = try (0..<4).map { _ in try round(fixture, [(wide, 1, 8)]) == [true] }
    #expect(believed == [false, false, false, true])
    #expect(try located(fixture, "k").1 == 1)
    // Its term counts again.
    #expect(try round(fixture, [(wide, 4, 9)]) == [true])
  }

  @Test func aForgedSplitGivesWay() throws {
    let (fixture, wide) = try threeReplicas()
    let left = region(200, "", "m", version: 6, conf: 5, stores: [1, 4, 5])
    let right = region(100, "m", "", version: 6, conf: 5, stores: [1, 4, 5])
    fixture.pass(30)
    try fixture.core.reportSplit([left, right])
    #expect(try located(fixture, "a").0 == left)
    let believed = try (0..<4).map { _ in try round(fixture, [(wide, 1, 8)]) == [true] }
    #expect(believed == [false, false, false, true])
    for text in ["a", "z"] { #expect(try located(fixture, text) == (wide, 1)) }
  }

  // MARK: What does not count

  @Test func aConfirmedRegionStays() throws {
    let (fixture, wide) = try threeReplicas()
    var newer = wide
    newer.epoch.version = 6
    for _ in 0..<20 {
      #expect(try round(fixture, [(newer, 4, 9), (wide, 1, 8)]) == [true, false])
    }
    #expect(try located(fixture, "k") == (newer, 4))
  }

  /// One of two regions that a report contradicts is confirmed.
  @Test func oneConfirmedConflictIsEnough() throws {
    let (fixture, wide) = try threeReplicas()
    let left = region(100, "", "m", version: 6, conf: 5, stores: [1, 4, 5])
    let right = region(200, "m", "", version: 6, conf: 5, stores: [1, 4, 5])
    #expect(try round(fixture, [(left, 1, 8), (right, 4, 8)]) == [true, true])
    for _ in 0..<20 {
      #expect(try round(fixture, [(right, 4, 8), (wide, 1, 8)]) == [true, false])
    }
    #expect(try located(fixture, "a").0 == left)
  }

  @Test func oneConfirmationBeginsTheWaitAnew() throws {
    let (fixture, wide) = try threeReplicas()
    var newer = wide
    newer.epoch.version = 6
    try fixture.beat(newer, leader: 4, term: 9)
    for _ in 0..<3 { #expect(try round(fixture, [(wide, 1, 8)]) == [false]) }
    try fixture.beat(newer, leader: 4, term: 9)
    let believed = try (0..<4).map { _ in try round(fixture, [(wide, 1, 8)]) == [true] }
    #expect(believed == [false, false, false, true])
  }

  /// Late messages of leaders that are none any more do not add up.
  @Test func severalFormerLeadersDoNotAddUp() throws {
    let (fixture, wide) = try threeReplicas()
    var newer = wide
    newer.epoch.version = 6
    try fixture.beat(newer, leader: 4, term: 9)
    for turn in 0..<10 {
      let leader: UInt64 = turn % 2 == 0 ? 1 : 5
      #expect(try round(fixture, [(wide, leader, 8)]) == [false])
    }
    #expect(try located(fixture, "k").0 == newer)
  }

  @Test func aLeaderThatFallsSilentBeginsAnew() throws {
    let (fixture, wide) = try threeReplicas()
    var newer = wide
    newer.epoch.version = 6
    try fixture.beat(newer, leader: 4, term: 9)
    for _ in 0..<5 {
      #expect(try round(fixture, [(wide, 1, 8)]) == [false])
      for _ in 0..<3 { try round(fixture, []) }
    }
    #expect(try located(fixture, "k").0 == newer)
  }

  @Test func theStoreMustBeAlive() throws {
    let (fixture, wide) = try threeReplicas()
    var newer = wide
    newer.epoch.version = 6
    try fixture.beat(newer, leader: 4, term: 9)
    for _ in 0..<10 {
      #expect(try round(fixture, [(wide, 1, 8)], stores: [4, 5]) == [false])
    }
    #expect(try located(fixture, "k").0 == newer)
  }

  // MARK: The log

  @Test func refusalsAreLoggedOnceAMinuteForEachRegion() throws {
    let (fixture, wide) = try threeReplicas()
    var newer = wide
    newer.epoch.version = 6
    try fixture.beat(newer, leader: 4, term: 9)
    func logged() -> Int {
      fixture.core.takeNotices().filter {
        guard case .refusedStaleHeartbeat(let id, let reason) = $0 else { return false }
        return id == 100 && reason.contains("region is stale")
      }.count
    }
    for _ in 0..<10 { try fixture.beat(wide, leader: 1, term: 8) }
    #expect(logged() == 1)
    fixture.pass(59)
    try fixture.beat(wide, leader: 1, term: 8)
    #expect(logged() == 0)
    fixture.pass(2)
    try fixture.beat(wide, leader: 1, term: 8)
    #expect(logged() == 1)
  }

  @Test func linesAndMemoryAreBounded() throws {
    let fixture = try PDFixture { $0.limits.staleHeartbeats = 200 }
    try fixture.bootstrap()
    let newer = region(100, "", "", version: 9, stores: [1])
    try fixture.beat(newer, leader: 1)
    for id in 1000..<2000 as Range<UInt64> {
      let stale = region(id, "", "", version: 8, stores: [1])
      #expect(try fixture.beat(stale, leader: 1).refusal != nil)
    }
    #expect(fixture.core.takeNotices().count == 100)
    // Once the others are forgotten, another one is remembered.
    let wide = region(2, "", "", version: 1, stores: [1])
    var believed = false
    for _ in 0..<15 where !believed {
      believed = try round(fixture, [(wide, 1, 0)], stores: [1]) == [true]
    }
    #expect(believed)
  }
}
