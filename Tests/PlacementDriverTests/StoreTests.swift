import Codec
import PlacementDriver
import Testing

struct StoreTests {
  private func all(_ fixture: PDFixture, living: Bool = false) throws -> [UInt64] {
    try fixture.core.allStores(excludingTombstones: living).map(\.id)
  }

  private func status(_ fixture: PDFixture, _ id: UInt64) -> StoreStatus? {
    fixture.core.storeSummaries(fixture.reading).first { $0.info.id == id }?.status
  }

  @Test func storesAreKeptAndListedInOrder() throws {
    let fixture = try PDFixture()
    try fixture.bootstrap()
    for id in [9, 4, 7] as [UInt64] { #expect(try fixture.put(id) == nil) }
    #expect(try all(fixture) == [1, 4, 7, 9])
    try fixture.restart(lossy: true)
    #expect(try all(fixture) == [1, 4, 7, 9])
    let info = try fixture.info(7)
    #expect(info.address == "127.0.0.1:20167" && info.version == "8.5.0")
    #expect(info.state == .up && info.nodeState == .serving)
  }

  @Test func anUnknownStoreIsACallError() throws {
    let fixture = try PDFixture()
    try fixture.bootstrap()
    let error = #expect(throws: PDError.self) { try fixture.info(5) }
    #expect(error?.code == .unknown)
    #expect(error?.message == "invalid store ID 5, not found")
    #expect(try fixture.beat(5)?.message == "invalid store ID 5, not found")
  }

  @Test func heartbeatsAreRemembered() throws {
    let fixture = try PDFixture()
    try fixture.bootstrap()
    fixture.pass(5)
    #expect(try fixture.beat(1) == nil)
    let store = try fixture.core.store(id: 1)
    #expect(store.heartbeat?.capacity == 1000)
    #expect(store.info.lastHeartbeat == Int64(fixture.reading.wallMilliseconds) * 1_000_000)
  }

  @Test func nonsenseIsRefused() throws {
    let fixture = try PDFixture()
    try fixture.bootstrap()
    #expect(try fixture.put(0)?.refusal == .unknown)
    #expect(try fixture.put(5, address: "")?.refusal == .unknown)
    #expect(try fixture.beat(0)?.refusal == .unknown)
    #expect(try all(fixture) == [1])
  }

  @Test func statusFollowsSilence() throws {
    let fixture = try PDFixture()
    try fixture.bootstrap()
    #expect(status(fixture, 1) == .up)
    fixture.pass(21)
    #expect(status(fixture, 1) == .disconnected)
    fixture.pass(1800)
    #expect(status(fixture, 1) == .down)
    try fixture.beat(1)
    #expect(status(fixture, 1) == .up)
    fixture.core.storeDisconnected(1, fixture.reading)
    #expect(status(fixture, 1) == .disconnected)
    try fixture.beat(1)
    #expect(status(fixture, 1) == .up)
  }

  @Test func aRestartForgivesSilence() throws {
    let fixture = try PDFixture()
    try fixture.bootstrap()
    fixture.pass(7200)
    try fixture.restart()
    #expect(status(fixture, 1) == .disconnected)
    fixture.pass(1801)
    #expect(status(fixture, 1) == .down)
  }

  // MARK: Leaving

  @Test func aRemovedStoreBecomesATombstone() throws {
    let fixture = try PDFixture()
    try fixture.bootstrap()
    for id in [4, 5, 6] as [UInt64] { try fixture.put(id) }
    try fixture.core.removeStore(4, isDestroyed: false, fixture.reading)
    #expect(try fixture.info(4).state == .offline)
    try fixture.restart(lossy: true)
    #expect(try fixture.info(4).state == .offline)
    // Registering again does not bring it back.
    #expect(try fixture.put(4) == nil)
    #expect(try fixture.info(4).state == .offline)
    _ = try fixture.core.tick(fixture.reading)
    #expect(try fixture.info(4).state == .tombstone)
    #expect(try fixture.beat(4)?.refusal == .storeTombstone)
    #expect(try fixture.put(4)?.refusal == .storeTombstone)
    #expect(try all(fixture, living: true) == [1, 5, 6])
    #expect(try all(fixture) == [1, 4, 5, 6])
    #expect(throws: PDError.self) {
      try fixture.core.removeStore(4, isDestroyed: false, fixture.reading)
    }
  }

  @Test func tooFewStoresMustStay() throws {
    let fixture = try PDFixture()
    try fixture.bootstrap()
    for id in [4, 5] as [UInt64] { try fixture.put(id) }
    let error = #expect(throws: PDError.self) {
      try fixture.core.removeStore(4, isDestroyed: false, fixture.reading)
    }
    #expect(error?.code == .failedPrecondition)
    #expect(try fixture.info(4).state == .up)
    try fixture.core.removeStore(4, isDestroyed: true, fixture.reading)
    #expect(try fixture.info(4).physicallyDestroyed)
    #expect(throws: PDError.self) { try fixture.core.keepStore(4, fixture.reading) }
  }

  @Test func aLeavingStoreMayStay() throws {
    let fixture = try PDFixture()
    try fixture.bootstrap()
    for id in [4, 5, 6] as [UInt64] { try fixture.put(id) }
    try fixture.core.removeStore(1, isDestroyed: false, fixture.reading)
    #expect(try fixture.info(1).state == .offline)
    try fixture.core.keepStore(1, fixture.reading)
    #expect(try fixture.info(1).state == .up)
    #expect(throws: PDError.self) { try fixture.core.keepStore(77, fixture.reading) }
  }

  @Test func onlyTheSilentAreBuried() throws {
    let fixture = try PDFixture()
    try fixture.bootstrap()
    try fixture.put(4)
    #expect(throws: PDError.self) { try fixture.core.writeTombstone(4, fixture.reading) }
    fixture.pass(30)
    try fixture.core.writeTombstone(4, fixture.reading)
    #expect(try fixture.info(4).state == .tombstone)
  }

  // MARK: Addresses

  @Test func aKnownStoreMayNotTakeAnothersAddress() throws {
    let fixture = try PDFixture()
    try fixture.bootstrap()
    try fixture.put(4)
    fixture.pass(16)
    try fixture.beat(1)
    let refused = try fixture.put(4, address: "127.0.0.1:20161")
    #expect(refused?.message.contains("duplicated store address") == true)
    #expect(try fixture.info(4).address == "127.0.0.1:20164")
    try fixture.beat(4)
    // Nor come up at a second one while it is alive: its directory may have been copied.
    let second = try fixture.put(4, address: "127.0.0.1:30000")?.message ?? ""
    #expect(second.contains("127.0.0.1:20164") && second.contains("127.0.0.1:30000"))
    fixture.pass(14)
    try fixture.beat(4)
    fixture.pass(14)
    #expect(try fixture.put(4, address: "127.0.0.1:30000") != nil)
    #expect(try fixture.info(4).address == "127.0.0.1:20164")
    fixture.pass(2)
    #expect(try fixture.put(4, address: "127.0.0.1:30000") == nil)
    #expect(try fixture.info(4).address == "127.0.0.1:30000")
  }

  @Test func storesMayTradePlaces() throws {
    let fixture = try PDFixture()
    try fixture.bootstrap()
    try fixture.put(4)
    try fixture.restart()
    // All were stopped and start again one port further: 1 comes where 4 was.
    #expect(try fixture.put(1, address: "127.0.0.1:20164") != nil)
    fixture.pass(16)
    #expect(try fixture.put(1, address: "127.0.0.1:20164") == nil)
    #expect(try fixture.put(4, address: "127.0.0.1:20167") == nil)
    try fixture.restart(lossy: true)
    fixture.pass(60)
    for id in [1, 4] as [UInt64] { #expect(try fixture.beat(id) == nil) }
    _ = try fixture.core.tick(fixture.reading)
    #expect(try fixture.info(1).address == "127.0.0.1:20164" && fixture.info(1).state == .up)
    #expect(try fixture.info(4).address == "127.0.0.1:20167" && fixture.info(4).state == .up)
  }

  @Test func anOutdatedAddressIsNobodysFault() throws {
    let fixture = try PDFixture()
    try fixture.bootstrap()
    try fixture.put(4)
    fixture.pass(60)
    // 4 is off; 1 comes back at what was 4's address. Neither is a newcomer.
    #expect(try fixture.put(1, address: "127.0.0.1:20164") == nil)
    try fixture.restart()
    fixture.pass(60)
    try fixture.beat(1)
    _ = try fixture.core.tick(fixture.reading)
    #expect(try fixture.info(4).state == .up && fixture.info(1).state == .up)
    // A newcomer there replaces the one that was there last.
    fixture.pass(60)
    try fixture.put(9, address: "127.0.0.1:20164")
    #expect(try fixture.info(1).physicallyDestroyed)
    #expect(try !fixture.info(4).physicallyDestroyed)
  }

  @Test func aNewcomerReplacesTheDeadAtItsAddress() throws {
    let fixture = try PDFixture()
    try fixture.bootstrap()
    try fixture.put(4)
    fixture.pass(60)
    try fixture.beat(1)
    #expect(try fixture.put(9, address: "127.0.0.1:20164") == nil)
    let old = try fixture.info(4)
    #expect(old.state == .offline && old.physicallyDestroyed)
    #expect(status(fixture, 9) == .up)
    try fixture.restart(lossy: true)
    #expect(try fixture.info(4).physicallyDestroyed)
    _ = try fixture.core.tick(fixture.reading)
    #expect(try fixture.info(4).state == .tombstone)
  }

  @Test func aNewcomerWaitsForTheSilenceOfTheOld() throws {
    let fixture = try PDFixture()
    try fixture.bootstrap()
    try fixture.put(4)
    fixture.pass(3)
    #expect(try fixture.put(9, address: "127.0.0.1:20164") == nil)
    #expect(fixture.core.storeSummaries(fixture.reading).last?.claimedStoreID == 4)
    fixture.pass(8)
    try fixture.beat(9)
    _ = try fixture.core.tick(fixture.reading)
    #expect(try fixture.info(4).state == .up)
    // The claim is found again after a restart, which also starts the wait again.
    try fixture.restart()
    fixture.pass(8)
    _ = try fixture.core.tick(fixture.reading)
    #expect(try fixture.info(4).state == .up)
    fixture.pass(8)
    try fixture.beat(9)
    _ = try fixture.core.tick(fixture.reading)
    #expect(try fixture.info(4).physicallyDestroyed)
    // It held nothing, so nothing keeps it.
    #expect(try fixture.info(4).state == .tombstone)
    #expect(fixture.core.storeSummaries(fixture.reading).last?.claimedStoreID == nil)
  }

  /// A store whose stream broke may be alive: it was destroyed permanently at once.
  @Test func aBrokenConnectionDestroysNobody() throws {
    let fixture = try PDFixture()
    try fixture.bootstrap()
    try fixture.put(4)
    fixture.pass(1)
    fixture.core.storeDisconnected(4, fixture.reading)
    try fixture.put(9, address: "127.0.0.1:20164")
    _ = try fixture.core.tick(fixture.reading)
    #expect(try fixture.info(4).state == .up)
    #expect(try !fixture.info(4).physicallyDestroyed)
    fixture.pass(5)
    try fixture.beat(4)
    #expect(try fixture.info(9).state == .tombstone)
  }

  @Test func aPeerAddressBelongsToOneStore() throws {
    let fixture = try PDFixture()
    try fixture.bootstrap()
    try fixture.put(4)
    let store = StoreInfo(id: 9, address: "127.0.0.1:30009", peerAddress: "127.0.0.1:20164")
    let refused = try fixture.put(store)
    #expect(refused?.message.contains("duplicated store address") == true)
    fixture.pass(16)
    #expect(try fixture.put(store) == nil)
    // The other way round: an address for clients that is another's for stores.
    #expect(
      try fixture.put(10, address: "127.0.0.1:20164")?.message
        == "duplicated store address: 127.0.0.1:20164 of store 10 is already registered by store 9 "
        + "at 127.0.0.1:30009")
    #expect(throws: PDError.self) { try fixture.info(10) }
  }

  @Test func aDuplicateByMistakeLoses() throws {
    let fixture = try PDFixture()
    try fixture.bootstrap()
    try fixture.put(4)
    try fixture.put(9, address: "127.0.0.1:20164")
    fixture.pass(0.5)
    // Sent before the old process may have died: proves nothing.
    try fixture.beat(4)
    #expect(try fixture.info(9).state == .up)
    fixture.pass(8)
    try fixture.beat(4)
    #expect(try fixture.info(4).state == .up)
    #expect(try fixture.info(9).state == .tombstone)
    #expect(try fixture.beat(9)?.refusal == .storeTombstone)
  }

  @Test func aTombstonesAddressIsFree() throws {
    let fixture = try PDFixture()
    try fixture.bootstrap()
    try fixture.put(4)
    fixture.pass(30)
    try fixture.core.writeTombstone(4, fixture.reading)
    try fixture.put(9, address: "127.0.0.1:20164")
    #expect(fixture.core.storeSummaries(fixture.reading).last?.claimedStoreID == nil)
  }
}
