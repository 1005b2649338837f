import Codec
import PlacementDriver
import Testing
import Wire

struct SafePointTests {
  private func fixture() throws -> PDFixture {
    let fixture = try PDFixture()
    try fixture.bootstrap()
    return fixture
  }

  private func update(_ fixture: PDFixture, _ point: UInt64) throws -> UInt64 {
    try fixture.driver.updateGCSafePoint(
      .with {
        $0.header = fixture.header
        $0.safePoint = point
      }, fixture.reading
    ).newSafePoint
  }

  private func service(
    _ fixture: PDFixture, _ id: String, _ ttl: Int64, _ point: UInt64
  ) throws -> Pdpb_UpdateServiceGCSafePointResponse {
    try fixture.driver.updateServiceGCSafePoint(
      .with {
        $0.header = fixture.header
        $0.serviceID = key(id).data
        $0.ttl = ttl
        $0.safePoint = point
      }, fixture.reading)
  }

  private func state(_ fixture: PDFixture) throws -> Pdpb_GCState {
    try fixture.driver.getGCState(.with { $0.header = fixture.header }, fixture.reading).gcState
  }

  @Test func theSafePointOnlyGrows() throws {
    let fixture = try fixture()
    for point in [0, 1, 2, 3, 233, .max - 1, .max] as [UInt64] {
      #expect(try update(fixture, point) == point)
    }
    #expect(try update(fixture, 1) == .max)
    try fixture.restart(lossy: true)
    let response = try fixture.driver.getGCSafePoint(
      .with { $0.header = fixture.header }, fixture.reading)
    #expect(response.safePoint == .max)
  }

  @Test func theOldestServiceIsAnswered() throws {
    let fixture = try fixture()
    #expect(try service(fixture, "gc_worker", .max, 10).minSafePoint == 10)
    #expect(try service(fixture, "backup", 100, 20).minSafePoint == 10)
    let moved = try service(fixture, "gc_worker", .max, 30)
    #expect(moved.minSafePoint == 20)
    #expect([UInt8](moved.serviceID) == key("backup"))
    #expect(moved.ttl == 100)
    // Older than the oldest: too late, and not taken.
    #expect(try service(fixture, "cdc", 100, 15).minSafePoint == 20)
    fixture.pass(40)
    #expect(try service(fixture, "x", 0, 0).ttl == 60)
    try fixture.restart(lossy: true)
    #expect(try service(fixture, "x", 0, 0).minSafePoint == 20)
    fixture.pass(61)
    #expect(try service(fixture, "x", 0, 0).minSafePoint == 30)
  }

  @Test func servicesAreRemoved() throws {
    let fixture = try fixture()
    _ = try service(fixture, "gc_worker", .max, 50)
    _ = try service(fixture, "backup", 100, 60)
    _ = try service(fixture, "gc_worker", .max, 70)
    #expect(try service(fixture, "backup", -1, 0).minSafePoint == 70)
    try fixture.restart(lossy: true)
    #expect(try service(fixture, "backup", 0, 0).minSafePoint == 70)
  }

  @Test func theCollectorStays() throws {
    let fixture = try fixture()
    #expect(try service(fixture, "gc_worker", 100, 5).header.error.type == .unknown)
    #expect(try service(fixture, "gc_worker", 0, 5).header.error.type == .unknown)
    #expect(try service(fixture, "", 10, 5).header.error.type == .unknown)
    // It exists before it is first heard of.
    let first = try service(fixture, "backup", 100, 5)
    #expect([UInt8](first.serviceID) == key("gc_worker"))
    #expect(first.minSafePoint == 0 && first.ttl == .max)
  }

  @Test func transactionsAreBarredBeforeCollection() throws {
    let fixture = try fixture()
    func txn(_ target: UInt64) throws -> Pdpb_AdvanceTxnSafePointResponse {
      try fixture.driver.advanceTxnSafePoint(
        .with {
          $0.header = fixture.header
          $0.target = target
        }, fixture.reading)
    }
    func collect(_ target: UInt64) throws -> Pdpb_AdvanceGCSafePointResponse {
      try fixture.driver.advanceGCSafePoint(
        .with {
          $0.header = fixture.header
          $0.target = target
        }, fixture.reading)
    }
    #expect(try collect(10).header.error.type == .unknown)
    #expect(try txn(100).newTxnSafePoint == 100)
    #expect(try txn(50).header.error.type == .unknown)
    let collected = try collect(80)
    #expect(collected.oldGcSafePoint == 0 && collected.newGcSafePoint == 80)
    #expect(try collect(70).header.error.type == .unknown)
    #expect(try collect(101).header.error.type == .unknown)
    _ = try service(fixture, "backup", 100, 150)
    let blocked = try txn(200)
    #expect(blocked.oldTxnSafePoint == 100 && blocked.newTxnSafePoint == 150)
    #expect(blocked.blockerDescription.contains("backup"))
    let state = try state(fixture)
    #expect(state.txnSafePoint == 150 && state.gcSafePoint == 80)
    #expect(state.gcBarriers.map(\.barrierID) == ["backup"])
    #expect(state.gcBarriers.map(\.barrierTs) == [150])
    fixture.pass(101)
    #expect(try txn(200).newTxnSafePoint == 200)
    try fixture.restart(lossy: true)
    #expect(try self.state(fixture).txnSafePoint == 200)
    #expect(try self.state(fixture).gcBarriers.isEmpty)
  }

  @Test func oldClientsMoveBothPoints() throws {
    let fixture = try fixture()
    _ = try update(fixture, 77)
    #expect(try state(fixture).txnSafePoint == 77)
    #expect(try state(fixture).gcSafePoint == 77)
    _ = try service(fixture, "gc_worker", .max, 90)
    #expect(try state(fixture).txnSafePoint == 90)
  }

  @Test func theScopeIsRepeated() throws {
    let fixture = try fixture()
    let response = try fixture.driver.getGCState(
      .with {
        $0.header = fixture.header
        $0.keyspaceScope.keyspaceID = .max
        $0.excludeGcBarriers = true
      }, fixture.reading)
    #expect(response.gcState.keyspaceScope.keyspaceID == .max)
    #expect(!response.gcState.isKeyspaceLevelGc)
  }
}
