import Codec
import Engine
import Raft
import RaftLog
import Runtime
import Testing

@testable import Raftstore

/// Founding and joining a cluster, with a crash after every step.
@Suite struct BootstrapTests {
  private final class Disks {
    var engine: MemoryEngine
    var logs: MemoryLogStore

    init() throws {
      engine = try MemoryEngine()
      logs = MemoryLogStore()
    }

    func crash() {
      engine = engine.crash()
      logs = logs.crash()
    }
  }

  /// Responses questions as a placement driver that was not bootstrapped yet, or was by another.
  private struct Driver {
    var founded: Region?
    var nextID: UInt64 = 10
    var clusterID: UInt64 = 7
    var stores: [StoreInfo] = []
    /// Questions that are completed by a failure, from the first.
    var failures = 0

    mutating func answer(_ action: StoreBootstrap.Action) -> StoreBootstrap.Event {
      let error = PDClientError.unreachable("down")
      let fails = failures > 0
      if fails, case .wait = action {} else if fails { failures -= 1 }
      switch action {
      case .fetchClusterID: return .clusterID(fails ? .failure(error) : .success(clusterID))
      case .allocateID:
        nextID += 1
        return .allocated(fails ? .failure(error) : .success(nextID))
      case .fetchIsBootstrapped:
        return .isBootstrapped(fails ? .failure(error) : .success(founded != nil))
      case .bootstrap(_, let region):
        if fails { return .bootstrapped(.failure(error)) }
        if founded != nil { return .bootstrapped(.failure(.alreadyBootstrapped)) }
        founded = region
        return .bootstrapped(.success(()))
      case .fetchRegion: return .region(fails ? .failure(error) : .success(founded))
      case .putStore(let store):
        if !fails { stores.append(store) }
        return .storePut(fails ? .failure(error) : .success(()))
      case .wait, .done: return .waited
      }
    }
  }

  /// Runs until done, or until `steps` questions were completed.
  private func run(
    _ disks: Disks, _ driver: inout Driver, steps: Int = .max
  ) throws -> (StoreIdent, StoreInfo)? {
    var bootstrap = StoreBootstrap(
      info: StoreInfo(address: "here"), engine: disks.engine, logs: disks.logs)
    var event = StoreBootstrap.Event.start
    for _ in 0..<min(steps, 500) {
      let action = try bootstrap.handle(event)
      if case .done(let ident, let info) = action { return (ident, info) }
      event = driver.answer(action)
    }
    return nil
  }

  private func expectFounded(_ disks: Disks, _ region: Region) throws {
    let id = region.id
    #expect(disks.engine.record(id) == RegionLocalState(state: .normal, region: region))
    let state = try #require(try disks.engine.applyState(id))
    #expect(state.appliedIndex == 5 && state.truncatedIndex == 5 && state.truncatedTerm == 5)
    #expect(disks.logs.lastIndex(id) == 5)
    #expect(disks.logs.truncated(id) == (5, 5))
    #expect(disks.logs.hardState(id) == HardState(term: 5, vote: 0, commit: 5))
    #expect(try disks.engine.get(.raft, KeyLayout.prepareBootstrap) == nil)
  }

  @Test func foundsACluster() throws {
    let disks = try Disks()
    var driver = Driver()
    let (ident, info) = try #require(try run(disks, &driver))
    #expect(ident == StoreIdent(clusterID: 7, storeID: 11))
    #expect(info.id == 11 && info.address == "here")
    let region = try #require(driver.founded)
    #expect(region.peers == [PeerInfo(id: 13, storeID: 11)])
    #expect(region.epoch == .initial)
    #expect(driver.stores.map(\.id) == [11])
    try expectFounded(disks, region)
    #expect(try disks.logs.identity() == LogStoreIdentity(clusterID: 7, storeID: 11))
    // Starting again changes nothing.
    let (again, _) = try #require(try run(disks, &driver))
    #expect(again == ident)
    #expect(driver.nextID == 13)
  }

  @Test func joinsACluster() throws {
    let disks = try Disks()
    var driver = Driver()
    driver.founded = Region(id: 2, epoch: .initial, peers: [PeerInfo(id: 3, storeID: 1)])
    let (ident, _) = try #require(try run(disks, &driver))
    #expect(ident.storeID == 11)
    #expect(disks.engine.record(2) == nil)
    #expect(disks.logs.regions().isEmpty)
  }

  /// Interrupted after any number of responses, by a crash that loses what was not synced.
  @Test(arguments: 0...9)
  func goesOnAfterACrash(steps: Int) throws {
    let disks = try Disks()
    var driver = Driver()
    _ = try run(disks, &driver, steps: steps)
    disks.crash()
    let (ident, _) = try #require(try run(disks, &driver))
    let region = try #require(driver.founded)
    #expect(region.peers.map(\.storeID) == [ident.storeID])
    try expectFounded(disks, region)
  }

  /// Its own bootstrap went through, but the response was lost with the process.
  @Test func recognizesItsOwnRegion() throws {
    let disks = try Disks()
    var driver = Driver()
    // cluster, store id, is bootstrapped, region id, peer id: the next would be the bootstrap.
    _ = try run(disks, &driver, steps: 6)
    let prepared = try #require(
      try BootstrapRecords(engine: disks.engine, logs: disks.logs).preparedRegion())
    driver.founded = prepared
    disks.crash()
    #expect(try run(disks, &driver) != nil)
    try expectFounded(disks, prepared)
  }

  @Test func givesWayToAnotherFounder() throws {
    let disks = try Disks()
    var driver = Driver()
    _ = try run(disks, &driver, steps: 6)
    let prepared = try #require(
      try BootstrapRecords(engine: disks.engine, logs: disks.logs).preparedRegion())
    driver.founded = Region(id: 900, epoch: .initial, peers: [PeerInfo(id: 901, storeID: 1)])
    disks.crash()
    #expect(try run(disks, &driver) != nil)
    #expect(disks.engine.record(prepared.id) == nil)
    #expect(try disks.engine.applyState(prepared.id) == nil)
    #expect(disks.logs.regions().isEmpty)
    #expect(try disks.engine.get(.raft, KeyLayout.prepareBootstrap) == nil)
  }

  /// The engine knew of the prepared region, the log did not yet.
  @Test func finishesAHalfWrittenPreparation() throws {
    let disks = try Disks()
    var driver = Driver()
    _ = try run(disks, &driver, steps: 6)
    let records = BootstrapRecords(engine: disks.engine, logs: disks.logs)
    let prepared = try #require(try records.preparedRegion())
    var batch = LogBatch()
    batch.destroy(prepared.id)
    _ = try disks.logs.write(batch, .synced)
    #expect(try run(disks, &driver) != nil)
    try expectFounded(disks, prepared)
  }

  @Test func waitsForThePlacementDriver() throws {
    let disks = try Disks()
    var driver = Driver()
    driver.failures = 20
    #expect(try run(disks, &driver) != nil)
    driver.failures = 1000
    #expect(throws: StoreError.self) { try run(disks, &driver) }
  }

  @Test func refusesForeignData() throws {
    let disks = try Disks()
    var driver = Driver()
    #expect(try run(disks, &driver) != nil)
    driver.clusterID = 8
    do {
      _ = try run(disks, &driver)
      Issue.record("another cluster's store was started")
    } catch StoreError.foreignData(_, let found, let expected) {
      #expect(found.clusterID == 7 && expected == 8)
    }
    let stranger = try Disks()
    var batch = WriteBatch()
    batch.put(.default, [1], [1])
    try stranger.engine.write(batch, .synced)
    driver.clusterID = 7
    #expect(throws: StoreError.self) { try run(stranger, &driver) }
  }

  @Test func refusesALogThatIsNotItsOwn() throws {
    let disks = try Disks()
    var driver = Driver()
    #expect(try run(disks, &driver) != nil)
    let mixed = try Disks()
    mixed.engine = disks.engine
    #expect(throws: Never.self) { try run(disks, &driver) }
    try mixed.logs.bind(LogStoreIdentity(clusterID: 7, storeID: 99))
    #expect(throws: StoreError.self) { try run(mixed, &driver) }
    let wiped = try Disks()
    wiped.logs = disks.logs
    #expect(throws: StoreError.self) { try run(wiped, &driver) }
  }
}
