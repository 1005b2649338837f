import Codec
import Engine
import PlacementDriver
import Testing

struct TimestampTests {
  @Test func theLargestOfABatchIsReturned() throws {
    let fixture = try PDFixture()
    var last = Timestamp.zero
    for count in [1, 7, 64, 10_000, 262_143, 262_143, 1] as [UInt64] {
      let next = try fixture.timestamp(count)
      #expect(next.logical + 1 >= count)
      // All of this batch come after all of the one before.
      #expect(next.value - count + 1 > last.value)
      last = next
    }
  }

  @Test(arguments: [0, 262_144, .max] as [UInt64])
  func impossibleCountsEndTheStream(count: UInt64) throws {
    let fixture = try PDFixture()
    #expect(throws: PDError.self) { try fixture.timestamp(count) }
    #expect(try fixture.timestamp().logical == 1)
  }

  @Test(arguments: [.max, .max - 1, 1 << 46, 1 << 63] as [UInt64])
  func aStoredTimeBeyondATimestampsRangeIsDamage(end: UInt64) throws {
    let fixture = try PDFixture()
    var batch = WriteBatch()
    batch.put(
      .raft, Array("pd/tso_end".utf8), (0..<8).map { UInt8(end >> (56 - 8 * $0) & 0xFF) })
    try fixture.engine.write(batch, .synced)
    let error = #expect(throws: PDError.self) { try fixture.restart() }
    #expect(error?.code == .dataLoss)
  }

  @Test func timeFollowsTheWallClock() throws {
    let fixture = try PDFixture()
    let first = try fixture.timestamp()
    #expect(first.physical == fixture.reading.wallMilliseconds)
    fixture.pass(0.25)
    #expect(try fixture.timestamp().physical == first.physical + 250)
  }

  @Test func aClockThatGoesBackStopsTimeOnly() throws {
    let fixture = try PDFixture()
    let first = try fixture.timestamp()
    fixture.wallShift = -3_600_000
    let second = try fixture.timestamp()
    #expect(second > first)
    #expect(second.physical == first.physical)
  }

  /// Neither a request nor a tick fails when the clock is set to a time that no timestamp can hold, and
  /// nothing is left of it when the clock is right again.
  @Test func aClockFarBeyondTimestampsIsNotFollowed() throws {
    let fixture = try PDFixture()
    var last = try fixture.timestamp()
    for shift in [1 << 46, 1 << 62, 0] as [Int64] {
      fixture.wallShift = shift
      for _ in 0..<3 {
        fixture.pass(2)
        _ = try fixture.core.tick(fixture.reading)
        let next = try fixture.timestamp(100_000)
        #expect(next.value - 99_999 > last.value)
        #expect(next.physical < 2_000_000_000)
        last = next
      }
    }
    #expect(last.physical == fixture.reading.wallMilliseconds)
  }

  @Test func aClockSetForwardAndBackStopsTimeOnly() throws {
    let fixture = try PDFixture()
    let first = try fixture.timestamp()
    fixture.wallShift = 3_600_000
    let ahead = try fixture.timestamp()
    #expect(ahead.physical == first.physical + 3_600_000)
    fixture.wallShift = 0
    var last = ahead
    for _ in 0..<20 {
      fixture.pass(0.5)
      _ = try fixture.core.tick(fixture.reading)
      let next = try fixture.timestamp(200_000)
      #expect(next.value - 199_999 > last.value)
      last = next
    }
    #expect(last.physical < ahead.physical + 100)
  }

  @Test(arguments: [0, -60_000, -86_400_000, 1000] as [Int64])
  func aCrashNeverGoesBack(shift: Int64) throws {
    let fixture = try PDFixture()
    var last = Timestamp.zero
    for round in 0..<20 {
      for _ in 0..<5 {
        let next = try fixture.timestamp(3)
        #expect(next.value - 2 > last.value)
        last = next
        fixture.pass(0.7)
        _ = try fixture.core.tick(fixture.reading)
      }
      if round == 3 { fixture.wallShift = shift }
      try fixture.restart(lossy: true)
    }
  }

  @Test func ticksKeepTheDiskOutOfTheWay() throws {
    let fixture = try PDFixture()
    _ = try fixture.timestamp()
    var synced: UInt64 = 0
    for _ in 0..<100 {
      fixture.pass(0.1)
      _ = try fixture.core.tick(fixture.reading)
      let before = fixture.engine.traffic.barriers
      _ = try fixture.timestamp(100)
      synced += fixture.engine.traffic.barriers - before
    }
    #expect(synced == 0)
  }

  @Test func anIdlePDWritesNothing() throws {
    let fixture = try PDFixture()
    _ = try fixture.timestamp()
    for _ in 0..<20 {
      fixture.pass(1)
      _ = try fixture.core.tick(fixture.reading)
    }
    let before = fixture.engine.traffic.writes
    for _ in 0..<100 {
      fixture.pass(1)
      _ = try fixture.core.tick(fixture.reading)
    }
    #expect(fixture.engine.traffic.writes == before)
  }

  @Test func minTimestampIsOneOfThem() throws {
    let fixture = try PDFixture()
    let before = try fixture.timestamp()
    #expect(try fixture.core.minTimestamp(fixture.reading) > before)
  }

  // MARK: The lead over the clock

  /// The largest number of timestamps at a time, as often as they are given; how often that was.
  private func drain(_ fixture: PDFixture, _ count: UInt64) throws -> Int {
    for given in 0..<100_000 {
      do {
        _ = try fixture.timestamp(count)
      } catch let error as PDError {
        #expect(error.code == .unavailable && error.message.contains("try again"))
        return given
      }
    }
    return .max
  }

  @Test func demandPushesTimeOnByABoundedLead() throws {
    let fixture = try PDFixture()
    #expect(try drain(fixture, 262_143) <= 1001)
    #expect(try drain(fixture, 10_000) <= 27 * 1001)
    let last = try fixture.timestamp()
    #expect(last.physical <= fixture.reading.wallMilliseconds + 1000)
    // For 20 seconds someone asks for all there is: time goes as the clock does.
    for _ in 0..<200 {
      fixture.pass(0.1)
      #expect(try drain(fixture, 262_143) <= 201)
      let now = try fixture.timestamp()
      #expect(now.physical <= fixture.reading.wallMilliseconds + 1000)
    }
  }

  @Test func whatIsRefusedTakesNothing() throws {
    let fixture = try PDFixture()
    _ = try drain(fixture, 262_143)
    let last = try fixture.timestamp()
    let writes = fixture.engine.traffic.writes
    for _ in 0..<10 { #expect(throws: PDError.self) { try fixture.timestamp(262_143) } }
    #expect(fixture.engine.traffic.writes == writes)
    #expect(try fixture.timestamp().value == last.value + 1)
  }

  /// One client that asks for everything does not keep others from a timestamp.
  @Test func smallRequestsHaveALeadOfTheirOwn() throws {
    let fixture = try PDFixture()
    for _ in 0..<400 {
      #expect(throws: Never.self) { try fixture.timestamp() }
      _ = try drain(fixture, 262_143)
      for count in [200_000, 50_000, 10_001] as [UInt64] { _ = try drain(fixture, count) }
    }
    fixture.pass(0.001)
    #expect(throws: Never.self) { try fixture.timestamp(10_000) }
  }

  @Test func aClockSetBackLeavesAllTimestampsOfAMillisecond() throws {
    let fixture = try PDFixture()
    _ = try fixture.timestamp()
    fixture.wallShift = -3_600_000
    var last = try fixture.timestamp()
    for _ in 0..<5000 {
      fixture.pass(0.001)
      let next = try fixture.timestamp(262_143)
      #expect(next.value - 262_142 > last.value)
      last = next
    }
  }
}
