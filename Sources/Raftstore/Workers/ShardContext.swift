import Codec
import Engine
import Logging
import RaftLog
import Runtime

/// What all peers of a raft worker share: the way out, and the time of the batch.
///
/// Whatever peers want done is gathered here and leaves once per batch.
final class ShardContext {
  /// The workers that do what was gathered.
  private struct Workers {
    var log: Mailbox<LogWriteTask>
    /// A region's messages go to the worker at its id modulo their number.
    var apply: [Mailbox<ApplyMessage>]
    var region: Mailbox<RegionTask>
  }

  let storeID: UInt64
  let config: RaftstoreConfig
  let engine: any KVEngine
  let logs: any RaftLogStore
  let meta: StoreMeta
  let router: Router
  let transport: any Transport
  let snapshots: SnapManager
  let clock: any Clock
  let logger: Logger
  let metrics: RaftMetrics
  let disk: DiskReserve
  let onFatal: @Sendable (String) -> Void
  let readGuard: (any ReadGuard)?
  private let workers: Workers

  /// The time of the present batch: read once, so that a batch costs one look at the clock.
  private(set) var now: Instant
  /// When this process began to have a memory.
  let startedAt: Instant
  /// When a refused message was last logged: whoever sends one may send many.
  private var refusalLoggedAt: Instant?
  private static let refusalLogInterval = Duration.seconds(10)

  /// Bytes that the shard's leaders have proposed and not applied yet.
  var unappliedBytes: UInt64 = 0

  var envelopes: [RaftEnvelope] = []
  var logTasks: [LogWriteTask] = []
  var applyMessages: [ApplyMessage] = []
  var regionTasks: [RegionTask] = []
  /// One snapshot of the engine serves all reads granted in a batch.
  private var sharedSnapshot: (any KVSnapshot)?

  init(
    storeID: UInt64, config: RaftstoreConfig, environment: RaftstoreEnvironment, meta: StoreMeta,
    router: Router, metrics: RaftMetrics, disk: DiskReserve, logWriter: Mailbox<LogWriteTask>,
    applyWorkers: [Mailbox<ApplyMessage>], regionWorker: Mailbox<RegionTask>
  ) {
    self.storeID = storeID
    self.config = config
    engine = environment.engine
    logs = environment.logs
    self.meta = meta
    self.router = router
    transport = environment.transport
    snapshots = environment.snapshots
    clock = environment.host.clock
    logger = environment.logger
    self.metrics = metrics
    self.disk = disk
    onFatal = environment.onFatal
    readGuard = environment.readGuard
    workers = Workers(log: logWriter, apply: applyWorkers, region: regionWorker)
    now = clock.now
    startedAt = now
  }

  func beginBatch() {
    now = clock.now
  }

  /// Counts a message that no correct peer can have sent, and logs one in a while.
  func refused(_ envelope: RaftEnvelope, _ reason: String) {
    metrics.dropped.invalid.increment()
    if let last = refusalLoggedAt, now - last < Self.refusalLogInterval { return }
    refusalLoggedAt = now
    logger.warning(
      "region \(envelope.regionID): raft message refused: \(reason)",
      metadata: [
        "from_peer": "\(envelope.from.id)", "from_store": "\(envelope.from.storeID)",
        "to_peer": "\(envelope.to.id)",
      ])
  }

  /// The engine as it is now; shared by the reads of one batch, taken when the first asks.
  func snapshot() -> any KVSnapshot {
    if let sharedSnapshot { return sharedSnapshot }
    let snapshot = engine.snapshot()
    sharedSnapshot = snapshot
    return snapshot
  }

  /// Passes on everything gathered; messages first: they take longest.
  func endBatch() {
    sharedSnapshot = nil
    if !envelopes.isEmpty {
      metrics.sentMessages.increment(by: UInt64(envelopes.count))
      transport.send(envelopes)
      envelopes.removeAll(keepingCapacity: true)
    }
    if !logTasks.isEmpty {
      workers.log.post(contentsOf: logTasks)
      logTasks.removeAll(keepingCapacity: true)
    }
    if !applyMessages.isEmpty {
      postApplies()
      applyMessages.removeAll(keepingCapacity: true)
    }
    if !regionTasks.isEmpty {
      workers.region.post(contentsOf: regionTasks)
      regionTasks.removeAll(keepingCapacity: true)
    }
  }

  private func postApplies() {
    let count = UInt64(workers.apply.count)
    if count == 1 {
      if !workers.apply[0].post(contentsOf: applyMessages) { abandon(applyMessages) }
      return
    }
    for index in 0..<count {
      let own = applyMessages.filter { $0.regionID % count == index }
      if !own.isEmpty, !workers.apply[Int(index)].post(contentsOf: own) { abandon(own) }
    }
  }

  /// The apply worker is gone: whoever waits for it is notified that the outcome is open.
  private func abandon(_ messages: [ApplyMessage]) {
    for case .apply(let task) in messages {
      for proposal in task.proposals { proposal.fail(.staleCommand) }
    }
  }
}
