import PlacementDriver
import Testing

struct IDTests {
  @Test func idsIncrease() throws {
    let fixture = try PDFixture()
    var last: UInt64 = 0
    for _ in 0..<2500 {
      let id = try fixture.allocate()
      #expect(id == last + 1)
      last = id
    }
  }

  @Test func aBlockAnswersItsLast() throws {
    let fixture = try PDFixture()
    #expect(try fixture.allocate(5) == 5)
    #expect(try fixture.allocate(0) == 6)
    #expect(try fixture.allocate(1994) == 2000)
    #expect(try fixture.allocate() == 2001)
  }

  @Test(arguments: [1, 999, 1000, 1001, 3333] as [UInt32])
  func noIDComesTwiceAfterACrash(count: UInt32) throws {
    let fixture = try PDFixture()
    let before = try fixture.allocate(count)
    try fixture.restart(lossy: true)
    let first = try fixture.allocate()
    #expect(first > before)
    #expect(first <= before + 1001)
    try fixture.restart(lossy: true)
    #expect(try fixture.allocate() > first)
  }

  @Test func tooManyAtOnceIsRefused() throws {
    let fixture = try PDFixture()
    let error = #expect(throws: PDError.self) { try fixture.allocate(.max) }
    #expect(error?.code == .invalidArgument)
    #expect(try fixture.allocate() == 1)
  }

  @Test func nothingIsGivenWhenTheDiskFails() throws {
    let fixture = try PDFixture()
    _ = try fixture.allocate(1000)
    fixture.fail(.sync)
    #expect(throws: PDError.self) { try fixture.allocate() }
    #expect(fixture.driver.failure != nil)
    // Nothing is trusted any more, not even what needs no disk.
    let error = #expect(throws: PDError.self) { try fixture.region("a") }
    #expect(error?.code == .unavailable)
  }
}
