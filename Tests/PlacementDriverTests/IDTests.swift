import PlacementDriver
import Testing

struct IDTests {
  @Test func idsIncrease() throws {
    let bench = try Bench()
    var last: UInt64 = 0
    for _ in 0..<2500 {
      let id = try bench.allocate()
      #expect(id == last + 1)
      last = id
    }
  }

  @Test func aBlockAnswersItsLast() throws {
    let bench = try Bench()
    #expect(try bench.allocate(5) == 5)
    #expect(try bench.allocate(0) == 6)
    #expect(try bench.allocate(1994) == 2000)
    #expect(try bench.allocate() == 2001)
  }

  @Test(arguments: [1, 999, 1000, 1001, 3333] as [UInt32])
  func noIDComesTwiceAfterACrash(count: UInt32) throws {
    let bench = try Bench()
    let before = try bench.allocate(count)
    try bench.restart(lossy: true)
    let first = try bench.allocate()
    #expect(first > before)
    #expect(first <= before + 1001)
    try bench.restart(lossy: true)
    #expect(try bench.allocate() > first)
  }

  @Test func tooManyAtOnceIsRefused() throws {
    let bench = try Bench()
    let error = #expect(throws: PlacementError.self) { try bench.allocate(.max) }
    #expect(error?.code == .invalidArgument)
    #expect(try bench.allocate() == 1)
  }

  @Test func nothingIsGivenWhenTheDiskFails() throws {
    let bench = try Bench()
    _ = try bench.allocate(1000)
    bench.fail(.sync)
    #expect(throws: PlacementError.self) { try bench.allocate() }
    #expect(bench.driver.failure != nil)
    // Nothing is trusted any more, not even what needs no disk.
    let error = #expect(throws: PlacementError.self) { try bench.region("a") }
    #expect(error?.code == .unavailable)
  }
}
