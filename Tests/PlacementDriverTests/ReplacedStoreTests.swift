import Codec
import PlacementDriver
import Testing
import Wire

/// Two processes of one store, of which one was stopped while the other took its place.
struct ReplacedStoreTests {
  private func put(
    _ fixture: PDFixture, _ address: String, started: Int64
  ) throws -> Pdpb_ResponseHeader {
    try fixture.driver.putStore(
      .with {
        $0.header = fixture.header
        $0.store = fixture.store(4, address: address)
        $0.store.startTimestamp = started
      }, fixture.reading
    ).header
  }

  private func beat(_ fixture: PDFixture, started: UInt32) throws -> Pdpb_ResponseHeader {
    try fixture.driver.storeHeartbeat(
      .with {
        $0.header = fixture.header
        $0.stats.storeID = 4
        $0.stats.startTime = started
      }, fixture.reading
    ).header
  }

  private let old = "127.0.0.1:20164"
  private let new = "127.0.0.1:30009"

  /// A store whose process of `from` was silent until the one of `to` took its place.
  private func replaced(from: Int64, to: Int64) throws -> PDFixture {
    let fixture = try PDFixture()
    try fixture.bootstrap()
    #expect(try !put(fixture, old, started: from).hasError)
    #expect(try !beat(fixture, started: UInt32(from)).hasError)
    #expect(try put(fixture, new, started: to).hasError, "the first one is alive")
    fixture.pass(20)
    #expect(try !put(fixture, new, started: to).hasError)
    #expect(try !beat(fixture, started: UInt32(to)).hasError)
    return fixture
  }

  @Test func theOldProcessIsRefusedWhenItAwakes() throws {
    let fixture = try replaced(from: 1000, to: 2000)
    fixture.pass(12)
    let seen = try fixture.info(4).lastHeartbeat
    let refusal = try beat(fixture, started: 1000)
    #expect(refusal.error.type == .duplicatedEntry)
    #expect(refusal.error.message.contains(old) && refusal.error.message.contains(new))
    #expect(try fixture.info(4).address == new)
    #expect(try fixture.info(4).lastHeartbeat == seen, "it proves nothing about the store")
    #expect(try !beat(fixture, started: 2000).hasError)
  }

  @Test func aClockSetBackDoesNotHideIt() throws {
    let fixture = try replaced(from: 2000, to: 1000)
    #expect(try beat(fixture, started: 2000).error.type == .duplicatedEntry)
    #expect(try !beat(fixture, started: 1000).hasError)
  }

  @Test func itIsRefusedByADriverThatStartedSince() throws {
    let fixture = try replaced(from: 1000, to: 2000)
    try fixture.restart(lossy: true)
    let refusal = try beat(fixture, started: 1000)
    #expect(refusal.error.type == .duplicatedEntry && refusal.error.message.contains(new))
    #expect(try !beat(fixture, started: 2000).hasError)
  }

  @Test func aRestartAndAnUnknownStartAreFine() throws {
    let fixture = try PDFixture()
    try fixture.bootstrap()
    #expect(try !put(fixture, old, started: 1000).hasError)
    #expect(try !put(fixture, old, started: 1500).hasError)
    #expect(try !beat(fixture, started: 1500).hasError)
    #expect(try !beat(fixture, started: 0).hasError)
    // A driver whose state is older than the store's start.
    #expect(try !beat(fixture, started: 1600).hasError)
    #expect(try beat(fixture, started: 1400).error.type == .duplicatedEntry)
  }
}
