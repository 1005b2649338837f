import Codec
import Engine
import PlacementDriver
import Testing
import Wire

struct TimestampTests {
  @Test func theLargestOfABatchIsAnswered() throws {
    let bench = try Bench()
    var last = Timestamp.zero
    for count in [1, 7, 64, 10_000, 262_143, 262_143, 1] as [UInt32] {
      let next = try bench.timestamp(count)
      #expect(next.logical + 1 >= UInt64(count))
      // All of this batch come after all of the one before.
      #expect(next.value - UInt64(count) + 1 > last.value)
      last = next
    }
  }

  @Test func responseRepeatsTheCount() throws {
    let bench = try Bench()
    let response = try bench.driver.tso(
      .with {
        $0.header = bench.header
        $0.count = 42
      }, bench.moment)
    #expect(response.count == 42)
    #expect(response.header.clusterID == Bench.clusterID && !response.header.hasError)
  }

  @Test(arguments: [0, 262_144, .max] as [UInt32])
  func impossibleCountsEndTheStream(count: UInt32) throws {
    let bench = try Bench()
    #expect(throws: PlacementError.self) { try bench.timestamp(count) }
    #expect(try bench.timestamp().logical == 1)
  }

  @Test(arguments: [.max, .max - 1, 1 << 46, 1 << 63] as [UInt64])
  func aStoredTimeBeyondATimestampsRangeIsDamage(end: UInt64) throws {
    let bench = try Bench()
    var batch = WriteBatch()
    batch.put(
      .raft, Array("pd/tso_end".utf8), (0..<8).map { UInt8(end >> (56 - 8 * $0) & 0xFF) })
    try bench.engine.write(batch, .synced)
    let error = #expect(throws: PlacementError.self) { try bench.restart() }
    #expect(error?.code == .dataLoss)
  }

  @Test func timeFollowsTheWallClock() throws {
    let bench = try Bench()
    let first = try bench.timestamp()
    #expect(first.physical == bench.moment.wallMilliseconds)
    bench.pass(0.25)
    #expect(try bench.timestamp().physical == first.physical + 250)
  }

  @Test func aClockThatGoesBackStopsTimeOnly() throws {
    let bench = try Bench()
    let first = try bench.timestamp()
    bench.wallShift = -3_600_000
    let second = try bench.timestamp()
    #expect(second > first)
    #expect(second.physical == first.physical)
  }

  /// Neither a request nor a tick fails when the clock is set to a time that no timestamp can hold, and
  /// nothing is left of it when the clock is right again.
  @Test func aClockFarBeyondTimestampsIsNotFollowed() throws {
    let bench = try Bench()
    var last = try bench.timestamp()
    for shift in [1 << 46, 1 << 62, 0] as [Int64] {
      bench.wallShift = shift
      for _ in 0..<3 {
        bench.pass(2)
        _ = try bench.driver.tick(bench.moment)
        let next = try bench.timestamp(100_000)
        #expect(next.value - 99_999 > last.value)
        #expect(next.physical < 2_000_000_000)
        last = next
      }
    }
    #expect(last.physical == bench.moment.wallMilliseconds)
  }

  @Test func aClockSetForwardAndBackStopsTimeOnly() throws {
    let bench = try Bench()
    let first = try bench.timestamp()
    bench.wallShift = 3_600_000
    let ahead = try bench.timestamp()
    #expect(ahead.physical == first.physical + 3_600_000)
    bench.wallShift = 0
    var last = ahead
    for _ in 0..<20 {
      bench.pass(0.5)
      _ = try bench.driver.tick(bench.moment)
      let next = try bench.timestamp(200_000)
      #expect(next.value - 199_999 > last.value)
      last = next
    }
    #expect(last.physical < ahead.physical + 100)
  }

  @Test(arguments: [0, -60_000, -86_400_000, 1000] as [Int64])
  func aCrashNeverGoesBack(shift: Int64) throws {
    let bench = try Bench()
    var last = Timestamp.zero
    for round in 0..<20 {
      for _ in 0..<5 {
        let next = try bench.timestamp(3)
        #expect(next.value - 2 > last.value)
        last = next
        bench.pass(0.7)
        _ = try bench.driver.tick(bench.moment)
      }
      if round == 3 { bench.wallShift = shift }
      try bench.restart(lossy: true)
    }
  }

  @Test func ticksKeepTheDiskOutOfTheWay() throws {
    let bench = try Bench()
    _ = try bench.timestamp()
    var synced: UInt64 = 0
    for _ in 0..<100 {
      bench.pass(0.1)
      _ = try bench.driver.tick(bench.moment)
      let before = bench.engine.traffic.barriers
      _ = try bench.timestamp(100)
      synced += bench.engine.traffic.barriers - before
    }
    #expect(synced == 0)
  }

  @Test func anIdleDriverWritesNothing() throws {
    let bench = try Bench()
    _ = try bench.timestamp()
    for _ in 0..<20 {
      bench.pass(1)
      _ = try bench.driver.tick(bench.moment)
    }
    let before = bench.engine.traffic.writes
    for _ in 0..<100 {
      bench.pass(1)
      _ = try bench.driver.tick(bench.moment)
    }
    #expect(bench.engine.traffic.writes == before)
  }

  @Test func minTimestampIsOneOfThem() throws {
    let bench = try Bench()
    let before = try bench.timestamp()
    let wire = try bench.driver.getMinTS(.with { $0.header = bench.header }, bench.moment)
    #expect(try Timestamp(wire.timestamp) > before)
  }
}
