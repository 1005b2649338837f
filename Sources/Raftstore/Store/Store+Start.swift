package import Codec
import Engine
import Logging
import Raft
import Runtime

extension Store {
  /// Starts the workers of a store whose identity is known, on the peers its disks hold.
  ///
  /// Blocks while it reads and repairs what a crash has left. The environment's snapshot manager must
  /// be open.
  ///
  /// - Parameters:
  ///   - router: where the transport delivers; made by the caller, who has to give it to the
  ///     transport first.
  package static func start(
    ident: StoreIdent, info: StoreInfo, config: RaftstoreConfig,
    environment: RaftstoreEnvironment, router: Router
  ) throws(StoreError) -> Store {
    if let problem = config.problem() { throw .invalidConfig(problem) }
    let incarnation = try nextIncarnation(environment.engine)
    environment.transport.identify(ident, incarnation: incarnation)
    let loader = StoreLoader(
      storeID: ident.storeID, engine: environment.engine, logs: environment.logs,
      logger: environment.logger)
    let peers = try loader.load()
    let meta = StoreMeta()
    let start = StoreStart(
      ident: ident, info: info, config: config, environment: environment, router: router,
      meta: meta, metrics: RaftMetrics(environment.metrics),
      disk: DiskReserve(config.disk.reservedSpace))
    let workers = start.spawn(peers)
    let reader = LocalReader(
      engine: environment.engine, meta: meta, clock: environment.host.clock, router: router,
      loadSplit: config.reads.loadSplit)
    environment.logger.info(
      "store \(ident.storeID) of cluster \(ident.clusterID) started with \(peers.count) peers")
    return Store(
      ident: ident, info: info, router: router, meta: meta, reader: reader, workers: workers)
  }
}

extension Store {
  /// Counts this start, durably: later than every earlier one on this data directory, whatever the clocks say.
  private static func nextIncarnation(_ engine: any KVEngine) throws(StoreError) -> UInt64 {
    let stored: [UInt8]?
    do throws(EngineError) {
      stored = try engine.get(.raft, KeyLayout.storeIncarnation)
    } catch {
      throw .engine(error)
    }
    if let stored, stored.count != 8 {
      throw .corrupted(
        record: "store incarnation", reason: "\(stored.count) bytes in the place of 8")
    }
    let last = stored?.bigEndian(at: 0) ?? 0
    guard last < .max else { throw .corrupted(record: "store incarnation", reason: "\(last)") }
    var value: [UInt8] = []
    value.appendBigEndian(last + 1)
    var batch = WriteBatch()
    batch.put(.raft, KeyLayout.storeIncarnation, value)
    do throws(EngineError) {
      try engine.write(batch, .synced)
    } catch {
      throw .engine(error)
    }
    return last + 1
  }
}

/// Spawns the workers of a store in an order in which each finds those it talks to.
private struct StoreStart {
  let ident: StoreIdent
  let info: StoreInfo
  let config: RaftstoreConfig
  let environment: RaftstoreEnvironment
  let router: Router
  let meta: StoreMeta
  let metrics: RaftMetrics
  let disk: DiskReserve

  /// Posted messages are never refused. What workers post to each other is bounded by what they were sent.
  private static let ample = 1 << 20

  func spawn(_ peers: [LoadedPeer]) -> StoreWorkers {
    let logWriter = spawnLogWriter()
    let region = spawnRegionWorker(logWriter.mailbox)
    let splitCheck = spawnSplitCheckWorker()
    let compaction = spawnCompactionWorker()
    let lockScan = spawnLockScanWorker()
    let consistency = spawnConsistencyWorker()
    let generations = SnapshotGenerations()
    let generators = spawnGenerators(generations)
    let applies = (0..<max(1, config.applyWorkers ?? config.shards)).map {
      spawnApplyWorker($0, generations, lockScan.mailbox, consistency.mailbox)
    }
    var rafts: [Worker<RaftWorkerMessage>] = []
    let shards = max(1, config.shards)
    let pulses = (0..<shards).map { _ in ShardPulse() }
    for shard in 0..<shards {
      let own = peers.filter { Int($0.region.id % UInt64(shards)) == shard }
      rafts.append(spawnRaftWorker(shard, own, logWriter, applies, region, pulses[shard]))
    }
    let store = spawnStoreWorker(region.mailbox, splitCheck.mailbox, compaction.mailbox)
    router.attach(raft: rafts.map(\.mailbox), store: store.mailbox)
    router.broadcast(.start)
    var ends: [@Sendable () -> Void] = [{ store.stop() }]
    ends += rafts.map { worker in { worker.stop() } }
    ends.append { logWriter.stop() }
    ends += applies.map { worker in { worker.stop() } }
    ends.append { generations.stop() }
    ends += generators.map { worker in { worker.stop() } }
    ends.append { region.stop() }
    ends.append { splitCheck.stop() }
    ends.append { compaction.stop() }
    ends.append { lockScan.stop() }
    ends.append { consistency.stop() }
    let workers = StoreWorkers(ends: ends)
    startTimers(workers, pulses)
    return workers
  }

  private func spawnLogWriter() -> Worker<LogWriteTask> {
    let (environment, router) = (environment, router)
    return environment.host.spawn(name: "log-writer", capacity: Self.ample) { _ in
      LogWriter(
        engine: environment.engine, logs: environment.logs, transport: environment.transport,
        router: router, clock: environment.host.clock, metrics: environment.metrics,
        logger: environment.logger, onFatal: environment.onFatal)
    }
  }

  private func spawnRegionWorker(_ logWriter: Mailbox<LogWriteTask>) -> Worker<RegionTask> {
    let (environment, router, meta) = (environment, router, meta)
    let interval = config.logCompaction.syncInterval
    return environment.host.spawn(name: "region", capacity: Self.ample) { mailbox in
      RegionWorker(
        engine: environment.engine, logs: environment.logs, snapshots: environment.snapshots,
        meta: meta, router: router,
        logWriter: logWriter, clock: environment.host.clock, metrics: environment.metrics,
        logger: environment.logger,
        logSyncInterval: interval,
        later: { task, delay in _ = environment.host.after(delay) { mailbox.post(task) } },
        onFatal: environment.onFatal)
    }
  }

  private func spawnGenerators(_ generations: SnapshotGenerations) -> [Worker<SnapshotWakeUp>] {
    let (environment, router, meta) = (environment, router, meta)
    let workers = (0..<max(1, environment.snapshots.limits.generators)).map { number in
      environment.host.spawn(name: "snap-generate-\(number)", capacity: Self.ample) { _ in
        SnapshotGenerationWorker(
          generations: generations, snapshots: environment.snapshots, meta: meta, router: router,
          logger: environment.logger)
      }
    }
    generations.attach(workers.map(\.mailbox))
    return workers
  }

  private func spawnSplitCheckWorker() -> Worker<SplitCheckMessage> {
    let (environment, config, router) = (environment, config.split, router)
    return environment.host.spawn(name: "split-check", capacity: Self.ample) { mailbox in
      SplitCheckWorker(
        engine: environment.engine, config: config, router: router, mailbox: mailbox,
        metrics: environment.metrics, logger: environment.logger)
    }
  }

  private func spawnCompactionWorker() -> Worker<CompactionMessage> {
    let (environment, config, router, meta) = (environment, config.split, router, meta)
    return environment.host.spawn(name: "compaction", capacity: Self.ample) { mailbox in
      CompactionWorker(
        engine: environment.engine, config: config, meta: meta, router: router, mailbox: mailbox,
        metrics: environment.metrics, logger: environment.logger)
    }
  }

  private func spawnLockScanWorker() -> Worker<LockScan> {
    let (maxBytes, logger) = (config.reads.safeTS.maxLockBytes, environment.logger)
    return environment.host.spawn(name: "lock-scan", capacity: Self.ample) { _ in
      LockScanWorker(maxBytes: maxBytes, logger: logger)
    }
  }

  private func spawnConsistencyWorker() -> Worker<ConsistencyMessage> {
    let (environment, config, router) = (environment, config.reads.consistency, router)
    return environment.host.spawn(name: "consistency", capacity: Self.ample) { mailbox in
      ConsistencyWorker(
        config: config, router: router, mailbox: mailbox, host: environment.host,
        logs: environment.logs, expiry: environment.valueExpiry, logger: environment.logger)
    }
  }

  private func spawnApplyWorker(
    _ number: Int, _ generations: SnapshotGenerations, _ lockScan: Mailbox<LockScan>,
    _ consistency: Mailbox<ConsistencyMessage>
  ) -> Worker<ApplyMessage> {
    let (environment, router, meta, config) = (environment, router, meta, config)
    return environment.host.spawn(name: "apply-\(number)", capacity: Self.ample) { mailbox in
      ApplyWorker(
        engine: environment.engine, meta: meta, router: router, generations: generations,
        lockScans: LockScans(
          worker: lockScan, reply: mailbox, maxBytes: config.reads.safeTS.maxLockBytes),
        consistencyWorker: consistency, logger: environment.logger, metrics: environment.metrics,
        clock: environment.host.clock, onFatal: environment.onFatal)
    }
  }

  private func spawnRaftWorker(
    _ shard: Int, _ peers: [LoadedPeer], _ logWriter: Worker<LogWriteTask>,
    _ applies: [Worker<ApplyMessage>], _ region: Worker<RegionTask>, _ pulse: ShardPulse
  ) -> Worker<RaftWorkerMessage> {
    let (environment, router, meta, metrics) = (environment, router, meta, metrics)
    var config = config
    config.reads.consistency.valuesExpire = environment.valueExpiry != nil
    let (storeID, disk) = (ident.storeID, disk)
    let seed = environment.seed &+ ident.storeID &* 0x9E37_79B9 &+ UInt64(shard)
    let bound = MailboxBound<RaftWorkerMessage>(
      count: config.mailboxes.raftCount, bytes: config.mailboxes.raftBytes, cost: { $0.mailboxCost }
    )
    return environment.host.spawn(name: "raft-\(shard)", bound: bound) { [config] _ in
      let context = ShardContext(
        storeID: storeID, config: config, environment: environment, meta: meta, router: router,
        metrics: metrics, disk: disk, logWriter: logWriter.mailbox,
        applyWorkers: applies.map(\.mailbox), regionWorker: region.mailbox)
      return RaftWorker(context: context, loaded: peers, seed: seed, pulse: pulse)
    }
  }

  private func spawnStoreWorker(
    _ region: Mailbox<RegionTask>, _ splitCheck: Mailbox<SplitCheckMessage>,
    _ compaction: Mailbox<CompactionMessage>
  ) -> Worker<StoreMessage> {
    let (environment, router, meta, metrics) = (environment, router, meta, metrics)
    let (config, storeID, info, disk) = (config, ident.storeID, info, disk)
    let bound = MailboxBound<StoreMessage>(
      count: config.mailboxes.storeCount, bytes: config.mailboxes.storeBytes,
      cost: { $0.mailboxCost })
    return environment.host.spawn(name: "store", bound: bound) { _ in
      StoreWorker(
        storeID: storeID, info: info, config: config, environment: environment, meta: meta,
        router: router, metrics: metrics, disk: disk, regionWorker: region,
        splitCheckWorker: splitCheck, compactionWorker: compaction)
    }
  }

  private func startTimers(_ workers: StoreWorkers, _ pulses: [ShardPulse]) {
    let router = router
    let host = environment.host
    environment.pd.onOperator { order in
      router.post(.executeOperator(order), to: order.regionID)
    }
    environment.pd.onRefusal { refused in
      router.post(
        .heartbeatRefused(regionID: refused.regionID, peerID: refused.peerID),
        to: refused.regionID)
    }
    router.sendToStore(.tick(.heartbeat))
    let clock = host.clock
    workers.add(
      host.every(config.baseTickInterval) {
        router.tick(pulses, at: clock.now)
      })
    workers.add(
      host.every(config.livenessInterval) { router.sendToStore(.tick(.liveness)) })
    workers.add(
      host.every(config.disk.checkInterval) { router.sendToStore(.tick(.checkDisk)) })
    workers.add(
      host.every(config.storeHeartbeatInterval) { router.sendToStore(.tick(.heartbeat)) })
    workers.add(
      host.every(config.logPurgeInterval) { router.sendToStore(.tick(.purgeLogs)) })
    workers.add(
      host.every(config.snapshotGC.interval) {
        router.sendToStore(.tick(.gcSnapshots))
      })
    workers.add(
      host.every(config.split.compaction.interval) { router.sendToStore(.tick(.checkCompaction)) })
    if config.reads.consistency.interval > .zero {
      workers.add(
        host.every(config.reads.consistency.interval) {
          router.sendToStore(.tick(.checkConsistency))
        })
    }
    guard config.reads.safeTS.isEnabled else { return }
    workers.add(
      host.every(config.reads.safeTS.advanceInterval) { router.sendToStore(.tick(.advanceSafeTS)) })
  }
}
