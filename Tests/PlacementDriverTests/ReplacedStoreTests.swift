import Codec
import PlacementDriver
import Testing

/// Two processes of one store, of which one was stopped while the other took its place.
struct ReplacedStoreTests {
  private func put(
    _ fixture: PDFixture, _ address: String, started: Int64
  ) throws -> PDError? {
    var store = fixture.store(4, address: address)
    store.startTimestamp = started
    return try fixture.put(store)
  }

  private func beat(_ fixture: PDFixture, started: UInt64) throws -> PDError? {
    try fixture.beat(StoreHeartbeat(storeID: 4, capacity: 0, available: 0, startTime: started))
  }

  private let old = "127.0.0.1:20164"
  private let new = "127.0.0.1:30009"

  /// A store whose process of `from` was silent until the one of `to` took its place.
  private func replaced(from: Int64, to: Int64) throws -> PDFixture {
    let fixture = try PDFixture()
    try fixture.bootstrap()
    #expect(try put(fixture, old, started: from) == nil)
    #expect(try beat(fixture, started: UInt64(from)) == nil)
    #expect(try put(fixture, new, started: to) != nil, "the first one is alive")
    fixture.pass(20)
    #expect(try put(fixture, new, started: to) == nil)
    #expect(try beat(fixture, started: UInt64(to)) == nil)
    return fixture
  }

  @Test func theOldProcessIsRefusedWhenItAwakes() throws {
    let fixture = try replaced(from: 1000, to: 2000)
    fixture.pass(12)
    let seen = try fixture.info(4).lastHeartbeat
    let refusal = try #require(try beat(fixture, started: 1000))
    #expect(refusal.refusal == .duplicatedEntry)
    #expect(refusal.message.contains(old) && refusal.message.contains(new))
    #expect(try fixture.info(4).address == new)
    #expect(try fixture.info(4).lastHeartbeat == seen, "it proves nothing about the store")
    #expect(try beat(fixture, started: 2000) == nil)
  }

  @Test func aClockSetBackDoesNotHideIt() throws {
    let fixture = try replaced(from: 2000, to: 1000)
    #expect(try beat(fixture, started: 2000)?.refusal == .duplicatedEntry)
    #expect(try beat(fixture, started: 1000) == nil)
  }

  @Test func itIsRefusedByAPDThatStartedSince() throws {
    let fixture = try replaced(from: 1000, to: 2000)
    try fixture.restart(lossy: true)
    let refusal = try #require(try beat(fixture, started: 1000))
    #expect(refusal.refusal == .duplicatedEntry && refusal.message.contains(new))
    #expect(try beat(fixture, started: 2000) == nil)
  }

  @Test func aRestartAndAnUnknownStartAreFine() throws {
    let fixture = try PDFixture()
    try fixture.bootstrap()
    #expect(try put(fixture, old, started: 1000) == nil)
    #expect(try put(fixture, old, started: 1500) == nil)
    #expect(try beat(fixture, started: 1500) == nil)
    #expect(try beat(fixture, started: 0) == nil)
    // A PD whose state is older than the store's start.
    #expect(try beat(fixture, started: 1600) == nil)
    #expect(try beat(fixture, started: 1400)?.refusal == .duplicatedEntry)
  }
}
