import Codec
import Engine
import Logging
import RaftLog
import Raftstore
import Runtime
import Synchronization
import TestSupport

/// One store of a test cluster, which can stop, die and come back on the same disks.
final class TestNode {
  let number: Int
  let stepper: Stepper
  let pd: StubPDClient
  let network: TestNetwork
  var config: RaftstoreConfig
  var engine: MemoryEngine
  var logs: MemoryLogStore
  let files: MemoryFileSystem
  private(set) var snapshots: SnapManager
  private(set) var store: Store?
  private(set) var metrics = Metrics()
  let fatal = FatalReasons()
  /// Bytes free on its disk of 1 TiB.
  let freeSpace = Shared<UInt64>(1 << 39)
  private var lives: UInt64 = 0

  init(
    _ number: Int, stepper: Stepper, pd: StubPDClient, network: TestNetwork,
    config: RaftstoreConfig
  ) throws {
    self.number = number
    self.stepper = stepper
    self.pd = pd
    self.network = network
    self.config = config
    files = MemoryFileSystem(clock: StepClock(stepper: stepper))
    engine = try MemoryEngine(path: "kv-\(number)", files: files)
    logs = MemoryLogStore()
    snapshots = Self.makeSnapshots(files, engine, stepper, metrics)
  }

  private static func makeSnapshots(
    _ files: MemoryFileSystem, _ engine: MemoryEngine, _ stepper: Stepper, _ metrics: Metrics
  ) -> SnapManager {
    SnapManager(
      directory: "snap", fileSystem: files, engine: engine, clock: StepClock(stepper: stepper),
      metrics: metrics)
  }

  var id: UInt64 { store?.storeID ?? 0 }

  func environment(_ router: Router) -> RaftstoreEnvironment {
    var logger = Logger(label: "store-\(number)") { _ in SwiftLogNoOpLogHandler() }
    logger.logLevel = .critical
    let (fatal, freeSpace) = (fatal, freeSpace)
    return RaftstoreEnvironment(
      engine: engine, logs: logs, snapshots: snapshots,
      transport: TestTransport(network, router, snapshots),
      pd: StubSchedulerClient(pd) { [known = knownID] in known.withLock { $0 } },
      host: StepHost(stepper: stepper, owner: number), metrics: metrics, logger: logger,
      seed: UInt64(number) &* 1_000_003 &+ lives,
      diskSpace: { (1 << 40, freeSpace.withLock { $0 }) },
      onFatal: { fatal.add($0) })
  }

  private let knownID = SharedID()

  /// Of the present life, as the placement driver is told.
  var startTimestamp: Int64 { 1_000_000 + Int64(lives) }

  /// Runs the bootstrap and starts the store.
  func start() throws {
    precondition(store == nil, "store \(number) is running")
    lives += 1
    metrics = Metrics()
    snapshots = Self.makeSnapshots(files, engine, stepper, metrics)
    try snapshots.open()
    let router = Router()
    let environment = environment(router)
    var bootstrap = StoreBootstrap(
      info: StoreInfo(address: "store-\(number)", startTimestamp: startTimestamp), engine: engine,
      logs: logs)
    var event = StoreBootstrap.Event.start
    while true {
      let action = try bootstrap.handle(event)
      if case .done(let ident, let info) = action {
        knownID.withLock { $0 = ident.storeID }
        network.connect(ident.storeID, router, snapshots)
        store = try Store.start(
          ident: ident, info: info, config: config, environment: environment, router: router)
        return
      }
      let answer = SharedEvent()
      Node.perform(action, environment) { event in answer.withLock { $0 = event } }
      _ = stepper.run(atMost: .seconds(60)) { answer.withLock { $0 != nil } }
      guard let next = answer.withLock({ $0 }) else { return }
      event = next
    }
  }

  /// Stops in good order.
  func stop() {
    guard let store else { return }
    network.disconnect(store.storeID)
    store.stop()
    self.store = nil
  }

  /// The process crashes; what was written stays.
  func kill() {
    guard let store else { return }
    network.disconnect(store.storeID)
    stepper.kill(owner: number)
    self.store = nil
    engine = engine.reopen()
    logs = logs.reopen()
  }

  /// The machine crashes; what was not synced is gone.
  func crash() {
    guard let store else { return }
    network.disconnect(store.storeID)
    stepper.kill(owner: number)
    self.store = nil
    engine = engine.crash()
    logs = logs.crash()
    files.crash()
  }

  // MARK: Looking

  func status(_ regionID: UInt64) -> RegionStatus? {
    guard let store else { return nil }
    let found = SharedStatus()
    store.inspect(regionID) { answer in found.withLock { $0 = answer } }
    stepper.settle()
    return found.withLock { $0.first }
  }

  func value(_ key: String, _ family: ColumnFamily = .default) -> String? {
    guard let bytes = try? engine.get(family, Array(key.utf8)) else { return nil }
    return String(decoding: bytes, as: UTF8.self)
  }
}

typealias SharedID = Shared<UInt64>
typealias SharedEvent = Shared<StoreBootstrap.Event?>
typealias SharedStatus = Shared<[RegionStatus]>

/// A value that closures on the stepper's thread write and tests read.
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
