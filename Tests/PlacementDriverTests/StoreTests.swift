import Codec
import PlacementDriver
import Testing
import Wire

struct StoreTests {
  private func all(_ bench: Bench, living: Bool = false) throws -> [UInt64] {
    try bench.driver.getAllStores(
      .with {
        $0.header = bench.header
        $0.excludeTombstoneStores = living
      }, bench.moment
    ).stores.map(\.id)
  }

  private func status(_ bench: Bench, _ id: UInt64) -> StoreStatus? {
    bench.driver.storeSummaries(bench.moment).first { $0.info.id == id }?.status
  }

  @Test func storesAreKeptAndListedInOrder() throws {
    let bench = try Bench()
    try bench.bootstrap()
    for id in [9, 4, 7] as [UInt64] { #expect(try !bench.put(id).header.hasError) }
    #expect(try all(bench) == [1, 4, 7, 9])
    try bench.restart(lossy: true)
    #expect(try all(bench) == [1, 4, 7, 9])
    let info = try bench.info(7)
    #expect(info.address == "127.0.0.1:20167" && info.version == "8.5.0")
    #expect(info.state == .up && info.nodeState == .serving)
  }

  @Test func anUnknownStoreIsACallError() throws {
    let bench = try Bench()
    try bench.bootstrap()
    let error = #expect(throws: PlacementError.self) { try bench.info(5) }
    #expect(error?.code == .unknown)
    #expect(error?.message == "invalid store ID 5, not found")
    #expect(try bench.beat(5).header.error.message == "invalid store ID 5, not found")
  }

  @Test func heartbeatsAreRemembered() throws {
    let bench = try Bench()
    try bench.bootstrap()
    bench.pass(5)
    #expect(try !bench.beat(1).header.hasError)
    let response = try bench.driver.getStore(
      .with {
        $0.header = bench.header
        $0.storeID = 1
      }, bench.moment)
    #expect(response.stats.capacity == 1000)
    #expect(response.store.lastHeartbeat == Int64(bench.moment.wallMilliseconds) * 1_000_000)
  }

  @Test func nonsenseIsRefused() throws {
    let bench = try Bench()
    try bench.bootstrap()
    #expect(try bench.put(0).header.error.type == .unknown)
    #expect(try bench.put(5, address: "").header.error.type == .unknown)
    let bare = try bench.driver.putStore(.with { $0.header = bench.header }, bench.moment)
    #expect(bare.header.error.type == .unknown)
    let beat = try bench.driver.storeHeartbeat(.with { $0.header = bench.header }, bench.moment)
    #expect(beat.header.error.type == .unknown)
    #expect(try all(bench) == [1])
  }

  @Test func statusFollowsSilence() throws {
    let bench = try Bench()
    try bench.bootstrap()
    #expect(status(bench, 1) == .up)
    bench.pass(21)
    #expect(status(bench, 1) == .disconnected)
    bench.pass(1800)
    #expect(status(bench, 1) == .down)
    try bench.beat(1)
    #expect(status(bench, 1) == .up)
    bench.driver.storeDisconnected(1, bench.moment)
    #expect(status(bench, 1) == .disconnected)
    try bench.beat(1)
    #expect(status(bench, 1) == .up)
  }

  @Test func aRestartForgivesSilence() throws {
    let bench = try Bench()
    try bench.bootstrap()
    bench.pass(7200)
    try bench.restart()
    #expect(status(bench, 1) == .disconnected)
    bench.pass(1801)
    #expect(status(bench, 1) == .down)
  }

  // MARK: Leaving

  @Test func aRemovedStoreBecomesATombstone() throws {
    let bench = try Bench()
    try bench.bootstrap()
    for id in [4, 5, 6] as [UInt64] { try bench.put(id) }
    try bench.driver.removeStore(4, isDestroyed: false, bench.moment)
    #expect(try bench.info(4).state == .offline)
    try bench.restart(lossy: true)
    #expect(try bench.info(4).state == .offline)
    // Registering again does not bring it back.
    #expect(try !bench.put(4).header.hasError)
    #expect(try bench.info(4).state == .offline)
    _ = try bench.driver.tick(bench.moment)
    #expect(try bench.info(4).state == .tombstone)
    #expect(try bench.beat(4).header.error.type == .storeTombstone)
    #expect(try bench.put(4).header.error.type == .storeTombstone)
    #expect(try all(bench, living: true) == [1, 5, 6])
    #expect(try all(bench) == [1, 4, 5, 6])
    #expect(throws: PlacementError.self) {
      try bench.driver.removeStore(4, isDestroyed: false, bench.moment)
    }
  }

  @Test func tooFewStoresMustStay() throws {
    let bench = try Bench()
    try bench.bootstrap()
    for id in [4, 5] as [UInt64] { try bench.put(id) }
    let error = #expect(throws: PlacementError.self) {
      try bench.driver.removeStore(4, isDestroyed: false, bench.moment)
    }
    #expect(error?.code == .failedPrecondition)
    #expect(try bench.info(4).state == .up)
    try bench.driver.removeStore(4, isDestroyed: true, bench.moment)
    #expect(try bench.info(4).physicallyDestroyed)
    #expect(throws: PlacementError.self) { try bench.driver.keepStore(4, bench.moment) }
  }

  @Test func aLeavingStoreMayStay() throws {
    let bench = try Bench()
    try bench.bootstrap()
    for id in [4, 5, 6] as [UInt64] { try bench.put(id) }
    try bench.driver.removeStore(1, isDestroyed: false, bench.moment)
    #expect(try bench.info(1).state == .offline)
    try bench.driver.keepStore(1, bench.moment)
    #expect(try bench.info(1).state == .up)
    #expect(throws: PlacementError.self) { try bench.driver.keepStore(77, bench.moment) }
  }

  @Test func onlyTheSilentAreBuried() throws {
    let bench = try Bench()
    try bench.bootstrap()
    try bench.put(4)
    #expect(throws: PlacementError.self) { try bench.driver.buryStore(4, bench.moment) }
    bench.pass(30)
    try bench.driver.buryStore(4, bench.moment)
    #expect(try bench.info(4).state == .tombstone)
  }

  // MARK: Addresses

  @Test func aKnownStoreMayNotTakeAnothersAddress() throws {
    let bench = try Bench()
    try bench.bootstrap()
    try bench.put(4)
    bench.pass(16)
    try bench.beat(1)
    let response = try bench.put(4, address: "127.0.0.1:20161")
    #expect(response.header.error.message.contains("duplicated store address"))
    #expect(try bench.info(4).address == "127.0.0.1:20164")
    try bench.beat(4)
    // Nor come up at a second one while it is alive: its directory may have been copied.
    let second = try bench.put(4, address: "127.0.0.1:30000").header.error.message
    #expect(second.contains("127.0.0.1:20164") && second.contains("127.0.0.1:30000"))
    bench.pass(14)
    try bench.beat(4)
    bench.pass(14)
    #expect(try bench.put(4, address: "127.0.0.1:30000").header.hasError)
    #expect(try bench.info(4).address == "127.0.0.1:20164")
    bench.pass(2)
    #expect(try !bench.put(4, address: "127.0.0.1:30000").header.hasError)
    #expect(try bench.info(4).address == "127.0.0.1:30000")
  }

  @Test func storesMayTradePlaces() throws {
    let bench = try Bench()
    try bench.bootstrap()
    try bench.put(4)
    try bench.restart()
    // All were stopped and start again one port further: 1 comes where 4 was.
    #expect(try bench.put(1, address: "127.0.0.1:20164").header.hasError)
    bench.pass(16)
    #expect(try !bench.put(1, address: "127.0.0.1:20164").header.hasError)
    #expect(try !bench.put(4, address: "127.0.0.1:20167").header.hasError)
    try bench.restart(lossy: true)
    bench.pass(60)
    for id in [1, 4] as [UInt64] { #expect(try !bench.beat(id).header.hasError) }
    _ = try bench.driver.tick(bench.moment)
    #expect(try bench.info(1).address == "127.0.0.1:20164" && bench.info(1).state == .up)
    #expect(try bench.info(4).address == "127.0.0.1:20167" && bench.info(4).state == .up)
  }

  @Test func anOutdatedAddressIsNobodysFault() throws {
    let bench = try Bench()
    try bench.bootstrap()
    try bench.put(4)
    bench.pass(60)
    // 4 is off; 1 comes back at what was 4's address. Neither is a newcomer.
    #expect(try !bench.put(1, address: "127.0.0.1:20164").header.hasError)
    try bench.restart()
    bench.pass(60)
    try bench.beat(1)
    _ = try bench.driver.tick(bench.moment)
    #expect(try bench.info(4).state == .up && bench.info(1).state == .up)
    // A newcomer there replaces the one that was there last.
    bench.pass(60)
    try bench.put(9, address: "127.0.0.1:20164")
    #expect(try bench.info(1).physicallyDestroyed)
    #expect(try !bench.info(4).physicallyDestroyed)
  }

  @Test func aNewcomerReplacesTheDeadAtItsAddress() throws {
    let bench = try Bench()
    try bench.bootstrap()
    try bench.put(4)
    bench.pass(60)
    try bench.beat(1)
    #expect(try !bench.put(9, address: "127.0.0.1:20164").header.hasError)
    let old = try bench.info(4)
    #expect(old.state == .offline && old.physicallyDestroyed)
    #expect(status(bench, 9) == .up)
    try bench.restart(lossy: true)
    #expect(try bench.info(4).physicallyDestroyed)
    _ = try bench.driver.tick(bench.moment)
    #expect(try bench.info(4).state == .tombstone)
  }

  @Test func aNewcomerWaitsForTheSilenceOfTheOld() throws {
    let bench = try Bench()
    try bench.bootstrap()
    try bench.put(4)
    bench.pass(3)
    #expect(try !bench.put(9, address: "127.0.0.1:20164").header.hasError)
    #expect(bench.driver.storeSummaries(bench.moment).last?.claimedStoreID == 4)
    bench.pass(8)
    try bench.beat(9)
    _ = try bench.driver.tick(bench.moment)
    #expect(try bench.info(4).state == .up)
    // The claim is found again after a restart, which also starts the wait anew.
    try bench.restart()
    bench.pass(8)
    _ = try bench.driver.tick(bench.moment)
    #expect(try bench.info(4).state == .up)
    bench.pass(8)
    try bench.beat(9)
    _ = try bench.driver.tick(bench.moment)
    #expect(try bench.info(4).physicallyDestroyed)
    // It held nothing, so nothing keeps it.
    #expect(try bench.info(4).state == .tombstone)
    #expect(bench.driver.storeSummaries(bench.moment).last?.claimedStoreID == nil)
  }

  /// A store whose stream broke may be alive: it was destroyed for good at once.
  @Test func aBrokenConnectionDestroysNobody() throws {
    let bench = try Bench()
    try bench.bootstrap()
    try bench.put(4)
    bench.pass(1)
    bench.driver.storeDisconnected(4, bench.moment)
    try bench.put(9, address: "127.0.0.1:20164")
    _ = try bench.driver.tick(bench.moment)
    #expect(try bench.info(4).state == .up)
    #expect(try !bench.info(4).physicallyDestroyed)
    bench.pass(5)
    try bench.beat(4)
    #expect(try bench.info(9).state == .tombstone)
  }

  @Test func aPeerAddressBelongsToOneStore() throws {
    let bench = try Bench()
    try bench.bootstrap()
    try bench.put(4)
    let store = Metapb_Store.with {
      $0.id = 9
      $0.address = "127.0.0.1:30009"
      $0.peerAddress = "127.0.0.1:20164"
    }
    let request = Pdpb_PutStoreRequest.with {
      $0.header = bench.header
      $0.store = store
    }
    let refused = try bench.driver.putStore(request, bench.moment)
    #expect(refused.header.error.message.contains("duplicated store address"))
    bench.pass(16)
    #expect(try !bench.driver.putStore(request, bench.moment).header.hasError)
    // The other way round: an address for clients that is another's for stores.
    let reverse = Pdpb_PutStoreRequest.with {
      $0.header = bench.header
      $0.store.id = 10
      $0.store.address = "127.0.0.1:20164"
    }
    #expect(
      try bench.driver.putStore(reverse, bench.moment).header.error.message
        == "duplicated store address: 127.0.0.1:20164 of store 10 is already registered by store 9 "
        + "at 127.0.0.1:30009")
    #expect(throws: PlacementError.self) { try bench.info(10) }
  }

  @Test func aDuplicateByMistakeLoses() throws {
    let bench = try Bench()
    try bench.bootstrap()
    try bench.put(4)
    try bench.put(9, address: "127.0.0.1:20164")
    bench.pass(0.5)
    // Sent before the old process may have died: proves nothing.
    try bench.beat(4)
    #expect(try bench.info(9).state == .up)
    bench.pass(8)
    try bench.beat(4)
    #expect(try bench.info(4).state == .up)
    #expect(try bench.info(9).state == .tombstone)
    #expect(try bench.beat(9).header.error.type == .storeTombstone)
  }

  @Test func aTombstonesAddressIsFree() throws {
    let bench = try Bench()
    try bench.bootstrap()
    try bench.put(4)
    bench.pass(30)
    try bench.driver.buryStore(4, bench.moment)
    try bench.put(9, address: "127.0.0.1:20164")
    #expect(bench.driver.storeSummaries(bench.moment).last?.claimedStoreID == nil)
  }
}
