package import Codec
package import Engine
package import Logging
package import Raftstore
package import Runtime
package import Storage

/// A store's machine: its disks, and the store's process while there is one.
package final class SimulatedStore {
  /// The dependencies of the store's process and its disks.
  package struct StoreDependencies {
    package var scheduler: SimulationScheduler
    package var network: SimulatedNetwork
    package var directory: StoreDirectory
    /// The client of the placement driver for a process of the store.
    package var makePDClient: (SimulatedProcess) -> any PDClient
    package var config: RaftstoreConfig
    package var parts: StoreInterposers
    package var logger: Logger
    package var seed: UInt64
    /// What its raft log is made of.
    package var log = SimulatedLog.memory
    /// What the store reports to the placement driver as the start of a process.
    package var startTimestamp: (SimulatedProcess) -> Int64 = { _ in 0 }
    /// Bytes of the disk, in all and free.
    package var diskSpace: @Sendable () -> (capacity: UInt64, available: UInt64) = {
      (1 << 40, 1 << 39)
    }
    package var readGuard: (any ReadGuard)?
  }

  /// How a process ends.
  package enum End: UInt64, Sendable {
    /// It is killed; what it wrote stays.
    case killed = 1
    /// The machine loses power; what was not synced is gone.
    case powerLost
    /// It ends itself, in good order.
    case stopped
  }

  /// As with everything, what takes minutes in production takes seconds here.
  private static let deliveryGrace = Duration.seconds(10)

  package let machine: SimulatedMachine
  package let disk: SimulatedDisk
  private let dependencies: StoreDependencies
  /// The running store; nil while there is no process or it has no store id yet.
  package private(set) var store: Store?
  package private(set) var commands: RawCommands?
  package private(set) var snapshots: SnapManager?
  /// The time as the running store reads it.
  package private(set) var clock: any Clock
  /// Of the process that was started last.
  package private(set) var metrics = Metrics()
  /// Why processes ended themselves although their disks had no fault.
  package private(set) var selfStops: [String] = []
  /// The process ended by itself, or was ended by its disk, and is to be cleared away.
  private var isDying = false
  private var faultsBefore = 0

  package init(
    number: Int, _ dependencies: StoreDependencies
  ) throws(EngineError) {
    machine = SimulatedMachine(
      number: number, name: "store\(number)", scheduler: dependencies.scheduler)
    clock = machine.clock
    disk = try SimulatedDisk(machine, log: dependencies.log, seed: dependencies.seed)
    self.dependencies = dependencies
    disk.faults.onDeath = { [unowned self] in scheduleCleanup(.powerLost) }
  }

  package var number: Int { machine.number }
  package var isDown: Bool { machine.process == nil }
  /// Alive and not held up: it could respond.
  package var isUp: Bool { machine.isRunning && machine.process?.isPaused == false }
  package var storeID: UInt64 { store?.storeID ?? 0 }

  // MARK: Beginning

  /// Starts the store's process on what its disk holds.
  package func start() {
    precondition(isDown, "\(machine.name) is running")
    let process = machine.startProcess()
    faultsBefore = disk.faults.injected
    do {
      let (environment, router) = try environment(process)
      try environment.snapshots.open()
      snapshots = environment.snapshots
      let bootstrap = StoreBootstrap(
        info: StoreInfo(
          address: machine.name, version: "8.5.0",
          startTimestamp: dependencies.startTimestamp(process)),
        engine: environment.engine, logs: environment.logs)
      StoreStartup(
        self, process, bootstrap, environment, router,
        config: dependencies.parts.config(dependencies.config, self, process)
      ).advance(.start)
    } catch {
      fail("cannot start: \(error)", process)
    }
  }

  private func environment(
    _ process: SimulatedProcess
  ) throws -> (RaftstoreEnvironment, Router) {
    let parts = dependencies.parts
    let mount = try disk.mount(for: process) { parts.logFiles($0, self, process) }
    let host = parts.host(SimulatedHost(process), self, process)
    clock = host.clock
    let engine = parts.engine(mount.engine, self, process)
    metrics = Metrics()
    var limits = SnapshotLimits()
    limits.deliveryGrace = Self.deliveryGrace
    let snapshots = SnapManager(
      directory: "snap", fileSystem: parts.files(mount.files, self, process), engine: engine,
      clock: host.clock, metrics: metrics, limits: limits)
    let router = Router()
    let transport = SimulatedTransport(
      process: process, network: dependencies.network, directory: dependencies.directory,
      router: router,
      snapshots: snapshots)
    let onFatal = ThreadBound<(String) -> Void> { [weak self, weak process] reason in
      guard let self, let process else { return }
      fail(reason, process)
    }
    var logger = dependencies.logger
    logger[metadataKey: "store"] = "\(number)"
    return (
      RaftstoreEnvironment(
        engine: engine, logs: parts.logs(mount.logs, self, process), snapshots: snapshots,
        transport: parts.transport(transport, self, process),
        pd: parts.pd(dependencies.makePDClient(process), self, process), host: host,
        metrics: metrics,
        logger: logger,
        seed: dependencies.seed &+ UInt64(number) &* 1_000_003 &+ process.incarnation,
        diskSpace: dependencies.diskSpace,
        onFatal: { onFatal.value($0) }, readGuard: dependencies.readGuard), router
    )
  }

  fileprivate func started(
    _ store: Store, _ environment: RaftstoreEnvironment, _ router: Router,
    _ process: SimulatedProcess
  ) {
    self.store = store
    let storage = RaftStorage(router: router, reader: store.reader)
    commands = RawCommands(storage: dependencies.parts.storage(storage, self, process))
    dependencies.directory.register(
      StoreDirectory.StoreMailboxes(
        router: router, snapshots: environment.snapshots, storeID: store.storeID), of: process)
    dependencies.scheduler.note(
      .process, UInt64(number), store.storeID, 2, "\(machine.name) is store \(store.storeID)")
  }

  // MARK: Ending

  /// The process gives up by itself.
  fileprivate func fail(_ reason: String, _ process: SimulatedProcess) {
    guard process.isAlive else { return }
    dependencies.scheduler.note(
      .process, UInt64(number), process.incarnation, 3, "\(machine.name) ends itself: \(reason)")
    if disk.faults.injected == faultsBefore {
      selfStops.append("\(machine.name) ended itself although its disk has no fault: \(reason)")
    }
    process.die()
    // A failed barrier leaves it open what has reached the disk.
    scheduleCleanup(.powerLost)
  }

  private func scheduleCleanup(_ end: End) {
    guard !isDying else { return }
    isDying = true
    dependencies.scheduler.after(.zero) { [weak self] in self?.end(end) }
  }

  /// Ends the process, if there is one. Not to be called from within it.
  package func end(_ end: End) {
    guard machine.process != nil else { return }
    if end == .stopped {
      store?.stop()
      disk.closeLog()
    }
    machine.endProcess()
    // What still waits for the dead process is completed, without effect outside of it.
    store?.stop()
    store = nil
    commands = nil
    snapshots = nil
    dependencies.directory.forget(machine)
    if end == .powerLost {
      disk.machineDied()
    } else {
      disk.processDied()
    }
    isDying = false
  }

  /// The disks are replaced by empty ones; there must be no process.
  package func wipe() throws(EngineError) {
    precondition(isDown, "\(machine.name) is running")
    dependencies.scheduler.note(.process, UInt64(number), 0, 4, "\(machine.name) loses its disks")
    try disk.wipe()
  }
}

/// The start of a store's process, up to a running store.
private final class StoreStartup {
  private let owner: SimulatedStore
  private let process: SimulatedProcess
  private var bootstrap: StoreBootstrap
  private let environment: RaftstoreEnvironment
  private let router: Router
  private let config: RaftstoreConfig

  init(
    _ owner: SimulatedStore, _ process: SimulatedProcess, _ bootstrap: StoreBootstrap,
    _ environment: RaftstoreEnvironment, _ router: Router, config: RaftstoreConfig
  ) {
    self.owner = owner
    self.process = process
    self.bootstrap = bootstrap
    self.environment = environment
    self.router = router
    self.config = config
  }

  func advance(_ event: StoreBootstrap.Event) {
    do throws(StoreError) {
      let action = try bootstrap.handle(event)
      if case .done(let ident, let info) = action {
        let store = try Store.start(
          ident: ident, info: info, config: config, environment: environment, router: router)
        owner.started(store, environment, router, process)
        return
      }
      let next = ThreadBound<(StoreBootstrap.Event) -> Void> { [self] event in
        process.machine.scheduler.after(.microseconds(10), in: process) { [self] in advance(event) }
      }
      Node.perform(action, environment) { next.value($0) }
    } catch {
      owner.fail("cannot start: \(error)", process)
    }
  }
}
