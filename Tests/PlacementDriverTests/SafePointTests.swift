import Codec
import PlacementDriver
import Testing

struct SafePointTests {
  private func fixture() throws -> PDFixture {
    let fixture = try PDFixture()
    try fixture.bootstrap()
    return fixture
  }

  private func update(_ fixture: PDFixture, _ point: UInt64) throws -> UInt64 {
    try fixture.core.updateGCSafePoint(to: point)
  }

  private func service(
    _ fixture: PDFixture, _ id: String, _ ttl: Int64, _ point: UInt64
  ) throws -> ServiceBarrier {
    try fixture.core.updateServiceSafePoint(
      key(id), ttl: ttl, safePoint: point, fixture.reading)
  }

  private func isRefused(_ fixture: PDFixture, _ body: () throws -> Void) throws -> Bool {
    try fixture.refusal(body)?.refusal == .unknown
  }

  private func state(_ fixture: PDFixture) throws -> GCState {
    try fixture.core.gcState(fixture.reading)
  }

  @Test func theSafePointOnlyGrows() throws {
    let fixture = try fixture()
    for point in [0, 1, 2, 3, 233, .max - 1, .max] as [UInt64] {
      #expect(try update(fixture, point) == point)
    }
    #expect(try update(fixture, 1) == .max)
    try fixture.restart(lossy: true)
    #expect(try fixture.core.gcSafePoint() == .max)
  }

  @Test func theOldestServiceIsReturned() throws {
    let fixture = try fixture()
    #expect(try service(fixture, "gc_worker", .max, 10).safePoint == 10)
    #expect(try service(fixture, "backup", 100, 20).safePoint == 10)
    let moved = try service(fixture, "gc_worker", .max, 30)
    #expect(moved.safePoint == 20)
    #expect(moved.id == key("backup"))
    #expect(moved.ttl == 100)
    // Older than the oldest: too late, and not taken.
    #expect(try service(fixture, "cdc", 100, 15).safePoint == 20)
    fixture.pass(40)
    #expect(try service(fixture, "x", 0, 0).ttl == 60)
    try fixture.restart(lossy: true)
    #expect(try service(fixture, "x", 0, 0).safePoint == 20)
    fixture.pass(61)
    #expect(try service(fixture, "x", 0, 0).safePoint == 30)
  }

  @Test func servicesAreRemoved() throws {
    let fixture = try fixture()
    _ = try service(fixture, "gc_worker", .max, 50)
    _ = try service(fixture, "backup", 100, 60)
    _ = try service(fixture, "gc_worker", .max, 70)
    #expect(try service(fixture, "backup", -1, 0).safePoint == 70)
    try fixture.restart(lossy: true)
    #expect(try service(fixture, "backup", 0, 0).safePoint == 70)
  }

  @Test func theCollectorStays() throws {
    let fixture = try fixture()
    #expect(try isRefused(fixture) { _ = try service(fixture, "gc_worker", 100, 5) })
    #expect(try isRefused(fixture) { _ = try service(fixture, "gc_worker", 0, 5) })
    #expect(try isRefused(fixture) { _ = try service(fixture, "", 10, 5) })
    // It exists before it is first heard of.
    let first = try service(fixture, "backup", 100, 5)
    #expect(first.id == key("gc_worker"))
    #expect(first.safePoint == 0 && first.ttl == .max)
  }

  @Test func transactionsAreBarredBeforeCollection() throws {
    let fixture = try fixture()
    let core = fixture.core
    func txn(_ target: UInt64) throws -> (old: UInt64, new: UInt64, blocker: ServiceBarrier?) {
      try core.advanceTxnSafePoint(to: target, fixture.reading)
    }
    #expect(try isRefused(fixture) { _ = try core.advanceGCSafePoint(to: 10) })
    #expect(try txn(100).new == 100)
    #expect(try isRefused(fixture) { _ = try txn(50) })
    let collected = try core.advanceGCSafePoint(to: 80)
    #expect(collected.old == 0 && collected.new == 80)
    #expect(try isRefused(fixture) { _ = try core.advanceGCSafePoint(to: 70) })
    #expect(try isRefused(fixture) { _ = try core.advanceGCSafePoint(to: 101) })
    _ = try service(fixture, "backup", 100, 150)
    let blocked = try txn(200)
    #expect(blocked.old == 100 && blocked.new == 150)
    #expect(blocked.blocker?.id == key("backup") && blocked.blocker?.safePoint == 150)
    let state = try state(fixture)
    #expect(state.txnSafePoint == 150 && state.gcSafePoint == 80)
    #expect(state.barriers.map(\.id) == [key("backup")])
    #expect(state.barriers.map(\.safePoint) == [150])
    fixture.pass(101)
    #expect(try txn(200).new == 200)
    try fixture.restart(lossy: true)
    #expect(try self.state(fixture).txnSafePoint == 200)
    #expect(try self.state(fixture).barriers.isEmpty)
  }

  @Test func oldClientsMoveBothPoints() throws {
    let fixture = try fixture()
    _ = try update(fixture, 77)
    #expect(try state(fixture).txnSafePoint == 77)
    #expect(try state(fixture).gcSafePoint == 77)
    _ = try service(fixture, "gc_worker", .max, 90)
    #expect(try state(fixture).txnSafePoint == 90)
  }
}
