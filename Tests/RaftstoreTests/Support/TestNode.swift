import Codec
import Engine
import Logging
import RaftLog
import Raftstore
import Runtime
import Synchronization
import TestSupport

@testable import SimulationKit

/// One store of a test cluster, which can stop, die and come back on the same disks.
final class TestNode {
  private let simulated: SimulatedStore
  private let scheduler: SimulationScheduler
  /// Bytes free on its disk of 1 TiB.
  let freeSpace = Shared<UInt64>(1 << 39)

  /// - Parameters:
  ///   - network: carries what passes `filters`.
  init(
    _ number: Int, network: SimulatedNetwork, directory: StoreDirectory, filters: TestNetwork,
    pd: StubPD, config: RaftstoreConfig, seed: UInt64, readGuard: (any ReadGuard)? = nil
  ) throws {
    scheduler = network.scheduler
    var parts = StoreInterposers()
    parts.transport = { base, _, process in
      FilteredTransport(base, filters) { directory.inbox(of: process) }
    }
    let disk = ThreadBound<SimulatedDisk?>(nil)
    let freeSpace = freeSpace
    simulated = try SimulatedStore(
      number: number,
      SimulatedStore.StoreDependencies(
        scheduler: scheduler, network: network, directory: directory,
        makePDClient: { _ in
          StubPDClient(pd) { disk.value.map { Self.storedID($0.engine) } ?? 0 }
        },
        config: config, parts: parts,
        logger: Logger(label: "store-\(number)") { _ in SwiftLogNoOpLogHandler() }, seed: seed,
        startTimestamp: Self.startTimestamp,
        diskSpace: { (1 << 40, freeSpace.withLock { $0 }) }, readGuard: readGuard))
    disk.value = simulated.disk
  }

  private static func storedID(_ engine: MemoryEngine) -> UInt64 {
    guard let record = try? engine.get(.raft, KeyLayout.storeIdent) else { return 0 }
    return (try? StoreIdent(decoding: record))?.storeID ?? 0
  }

  private static func startTimestamp(_ process: SimulatedProcess) -> Int64 {
    1_000_000 + Int64(process.incarnation)
  }

  var id: UInt64 { simulated.storeID }
  var store: Store? { simulated.store }
  var engine: MemoryEngine { simulated.disk.engine }
  var files: MemoryFileSystem { simulated.disk.files }
  var metrics: Metrics { simulated.metrics }
  /// Nil while there is no process.
  var snapshots: SnapManager? { simulated.snapshots }
  /// Why its processes ended themselves.
  var fatalReasons: [String] { simulated.selfStops }

  /// What reads of its disk cannot read.
  var damage: DiskDamage {
    get { simulated.disk.faults.damage }
    set { simulated.disk.faults.damage = newValue }
  }

  /// Replaced only while there is no process.
  var logs: MemoryLogStore {
    get { simulated.disk.logs }
    set { simulated.disk.logs = newValue }
  }

  /// Of the present process, as the placement driver is told.
  var startTimestamp: Int64 { simulated.machine.process.map(Self.startTimestamp) ?? 0 }

  // MARK: Life

  /// Starts the process, and waits until it is a store.
  func start() throws {
    simulated.start()
    scheduler.run(until: scheduler.now + .seconds(60)) { [simulated] in simulated.store != nil }
  }

  /// Stops in good order.
  func stop() { simulated.end(.stopped) }

  /// The process crashes; what was written stays.
  func kill() { simulated.end(.killed) }

  /// The machine crashes; of what was not synced any first part may be gone.
  func crash() { simulated.end(.powerLost) }

  /// One worker hangs from now on.
  func stall(_ worker: String) { simulated.machine.process?.stallWorker(named: worker) }

  /// No worker hangs any more.
  func resume() { simulated.machine.process?.resumeWorkers() }

  // MARK: Inspection

  func status(_ regionID: UInt64) -> RegionStatus? {
    guard let store else { return nil }
    let found = ThreadBound<[RegionStatus]?>(nil)
    store.inspect(regionID) { found.value = $0 }
    scheduler.run(until: scheduler.now + .milliseconds(20)) { found.value != nil }
    return found.value?.first
  }

  func value(_ key: String, _ family: ColumnFamily = .default) -> String? {
    guard let bytes = try? engine.get(family, Array(key.utf8)) else { return nil }
    return String(decoding: bytes, as: UTF8.self)
  }
}

/// A value that closures write and tests read.
final class Shared<Value: Sendable>: Sendable {
  private let value: Mutex<Value>

  init(_ value: Value) {
    self.value = Mutex(value)
  }

  func withLock<T: Sendable>(_ body: (inout sending Value) -> sending T) -> T {
    value.withLock(body)
  }
}

extension Shared where Value == UInt64 {
  convenience init() { self.init(0) }
}

extension Shared {
  convenience init<T: Sendable>() where Value == T? { self.init(nil) }
  convenience init<T: Sendable>() where Value == [T] { self.init([]) }
}
