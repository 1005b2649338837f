import Codec
import PlacementDriver
import Testing
import Wire

struct SafePointTests {
  private func bench() throws -> Bench {
    let bench = try Bench()
    try bench.bootstrap()
    return bench
  }

  private func update(_ bench: Bench, _ point: UInt64) throws -> UInt64 {
    try bench.driver.updateGCSafePoint(
      .with {
        $0.header = bench.header
        $0.safePoint = point
      }, bench.moment
    ).newSafePoint
  }

  private func service(
    _ bench: Bench, _ id: String, _ ttl: Int64, _ point: UInt64
  ) throws -> Pdpb_UpdateServiceGCSafePointResponse {
    try bench.driver.updateServiceGCSafePoint(
      .with {
        $0.header = bench.header
        $0.serviceID = key(id).data
        $0.ttl = ttl
        $0.safePoint = point
      }, bench.moment)
  }

  private func state(_ bench: Bench) throws -> Pdpb_GCState {
    try bench.driver.getGCState(.with { $0.header = bench.header }, bench.moment).gcState
  }

  @Test func theSafePointOnlyGrows() throws {
    let bench = try bench()
    for point in [0, 1, 2, 3, 233, .max - 1, .max] as [UInt64] {
      #expect(try update(bench, point) == point)
    }
    #expect(try update(bench, 1) == .max)
    try bench.restart(lossy: true)
    let response = try bench.driver.getGCSafePoint(
      .with { $0.header = bench.header }, bench.moment)
    #expect(response.safePoint == .max)
  }

  @Test func theOldestServiceIsAnswered() throws {
    let bench = try bench()
    #expect(try service(bench, "gc_worker", .max, 10).minSafePoint == 10)
    #expect(try service(bench, "backup", 100, 20).minSafePoint == 10)
    let moved = try service(bench, "gc_worker", .max, 30)
    #expect(moved.minSafePoint == 20)
    #expect([UInt8](moved.serviceID) == key("backup"))
    #expect(moved.ttl == 100)
    // Older than the oldest: too late, and not taken.
    #expect(try service(bench, "cdc", 100, 15).minSafePoint == 20)
    bench.pass(40)
    #expect(try service(bench, "x", 0, 0).ttl == 60)
    try bench.restart(lossy: true)
    #expect(try service(bench, "x", 0, 0).minSafePoint == 20)
    bench.pass(61)
    #expect(try service(bench, "x", 0, 0).minSafePoint == 30)
  }

  @Test func servicesAreRemoved() throws {
    let bench = try bench()
    _ = try service(bench, "gc_worker", .max, 50)
    _ = try service(bench, "backup", 100, 60)
    _ = try service(bench, "gc_worker", .max, 70)
    #expect(try service(bench, "backup", -1, 0).minSafePoint == 70)
    try bench.restart(lossy: true)
    #expect(try service(bench, "backup", 0, 0).minSafePoint == 70)
  }

  @Test func theCollectorStays() throws {
    let bench = try bench()
    #expect(try service(bench, "gc_worker", 100, 5).header.error.type == .unknown)
    #expect(try service(bench, "gc_worker", 0, 5).header.error.type == .unknown)
    #expect(try service(bench, "", 10, 5).header.error.type == .unknown)
    // It exists before it is first heard of.
    let first = try service(bench, "backup", 100, 5)
    #expect([UInt8](first.serviceID) == key("gc_worker"))
    #expect(first.minSafePoint == 0 && first.ttl == .max)
  }

  @Test func transactionsAreBarredBeforeCollection() throws {
    let bench = try bench()
    func txn(_ target: UInt64) throws -> Pdpb_AdvanceTxnSafePointResponse {
      try bench.driver.advanceTxnSafePoint(
        .with {
          $0.header = bench.header
          $0.target = target
        }, bench.moment)
    }
    func collect(_ target: UInt64) throws -> Pdpb_AdvanceGCSafePointResponse {
      try bench.driver.advanceGCSafePoint(
        .with {
          $0.header = bench.header
          $0.target = target
        }, bench.moment)
    }
    #expect(try collect(10).header.error.type == .unknown)
    #expect(try txn(100).newTxnSafePoint == 100)
    #expect(try txn(50).header.error.type == .unknown)
    let collected = try collect(80)
    #expect(collected.oldGcSafePoint == 0 && collected.newGcSafePoint == 80)
    #expect(try collect(70).header.error.type == .unknown)
    #expect(try collect(101).header.error.type == .unknown)
    _ = try service(bench, "backup", 100, 150)
    let blocked = try txn(200)
    #expect(blocked.oldTxnSafePoint == 100 && blocked.newTxnSafePoint == 150)
    #expect(blocked.blockerDescription.contains("backup"))
    let state = try state(bench)
    #expect(state.txnSafePoint == 150 && state.gcSafePoint == 80)
    #expect(state.gcBarriers.map(\.barrierID) == ["backup"])
    #expect(state.gcBarriers.map(\.barrierTs) == [150])
    bench.pass(101)
    #expect(try txn(200).newTxnSafePoint == 200)
    try bench.restart(lossy: true)
    #expect(try self.state(bench).txnSafePoint == 200)
    #expect(try self.state(bench).gcBarriers.isEmpty)
  }

  @Test func oldClientsMoveBothPoints() throws {
    let bench = try bench()
    _ = try update(bench, 77)
    #expect(try state(bench).txnSafePoint == 77)
    #expect(try state(bench).gcSafePoint == 77)
    _ = try service(bench, "gc_worker", .max, 90)
    #expect(try state(bench).txnSafePoint == 90)
  }

  @Test func theScopeIsRepeated() throws {
    let bench = try bench()
    let response = try bench.driver.getGCState(
      .with {
        $0.header = bench.header
        $0.keyspaceScope.keyspaceID = .max
        $0.excludeGcBarriers = true
      }, bench.moment)
    #expect(response.gcState.keyspaceScope.keyspaceID == .max)
    #expect(!response.gcState.isKeyspaceLevelGc)
  }
}
