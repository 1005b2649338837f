import Codec
package import Engine
package import Logging
package import Runtime

/// Applies committed entries of all regions of a shard: one write batch over many regions, with each
/// region's `ApplyState` inside it, then the responses.
///
/// Nothing is synced here but splits: the raft log is the redo log of the engine, and it is cut only after
/// the engine was made durable (`RegionTask.gcRaftLog`). The new regions of a split have logs of their own,
/// which must not be older than their records.
package struct ApplyWorker: Handler {
  /// Bytes gathered before a batch is written although more is queued: bounds memory and latency.
  private static let batchBytes = 4 << 20

  private let engine: any KVEngine
  private let router: Router
  private let regionWorker: Mailbox<RegionTask>
  private let logger: Logger
  private let onFatal: @Sendable (String) -> Void
  private let appliedEntries: Counter
  private let writeTime: Histogram
  private let clock: any Clock

  private var appliers: [UInt64: Applier] = [:]
  private var pending: ApplyContext
  /// The engine can no longer be trusted: nothing is applied or acknowledged from here on.
  private var isPoisoned = false

  package init(
    engine: any KVEngine, meta: StoreMeta, router: Router, regionWorker: Mailbox<RegionTask>,
    logger: Logger, metrics: Metrics, clock: any Clock,
    onFatal: @escaping @Sendable (String) -> Void
  ) {
    self.engine = engine
    pending = ApplyContext(splits: SplitApplier(engine: engine, meta: meta))
    self.router = router
    self.regionWorker = regionWorker
    self.logger = logger
    self.clock = clock
    self.onFatal = onFatal
    appliedEntries = metrics.counter(
      "tikv_raftstore_apply_proposal", "Entries applied by this store")
    writeTime = metrics.histogram(
      "tikv_raftstore_apply_log_duration_seconds", "Time to write one batch of applied entries")
  }

  package mutating func handle(_ batch: [ApplyMessage]) {
    for message in batch {
      if isPoisoned {
        abandon(message)
        continue
      }
      switch message {
      case .register(let registration):
        appliers[registration.region.id] = Applier(registration)
      case .apply(let task):
        apply(task)
      case .generateSnapshot(let regionID, let peerID):
        generateSnapshot(regionID: regionID, peerID: peerID)
      case .stop(let regionID, let peerID):
        stop(regionID: regionID, peerID: peerID)
      }
    }
  }

  package mutating func flush() {
    commit()
  }

  private mutating func apply(_ task: ApplyTask) {
    guard appliers[task.regionID]?.peerID == task.peerID,
      var applier = appliers.removeValue(forKey: task.regionID)
    else {
      // The peer was stopped or replaced while the task was on its way. The entries are committed, and
      // applied by those who are members still: this must not be taken for a refusal.
      for proposal in task.proposals { proposal.fail(.staleCommand) }
      return
    }
    appliedEntries.increment(by: UInt64(task.entries.count))
    do throws(ApplyError) {
      try applier.apply(task, &pending)
    } catch {
      for proposal in task.proposals where proposal.index >= error.index {
        proposal.fail(.undeterminedResult(message: "the store failed while applying"))
      }
      poison("region \(task.regionID), entry \(error.index): \(error.reason)")
      return
    }
    appliers[task.regionID] = applier
    if pending.batch.byteSize >= Self.batchBytes { commit() }
  }

  private mutating func generateSnapshot(regionID: UInt64, peerID: UInt64) {
    commit()
    guard !isPoisoned, let applier = appliers[regionID], applier.peerID == peerID else {
      let error = SnapshotError.stale("region \(regionID) is not applied here")
      router.post(
        .snapshotGenerated(regionID: regionID, peerID: peerID, result: .failure(error)),
        to: regionID)
      return
    }
    let request = SnapshotRequest(
      region: applier.region, peerID: peerID, index: applier.state.appliedIndex,
      term: applier.appliedTerm, snapshot: engine.snapshot())
    regionWorker.post(.generate(request))
  }

  private mutating func stop(regionID: UInt64, peerID: UInt64) {
    commit()
    if appliers[regionID]?.peerID == peerID { appliers[regionID] = nil }
    router.post(.applyStopped(regionID: regionID, peerID: peerID), to: regionID)
  }

  /// Writes what was gathered. Completions run after the write, so that a requester can read its write.
  private mutating func commit() {
    guard !pending.isEmpty, !isPoisoned else { return }
    let started = clock.now
    do throws(EngineError) {
      try engine.write(pending.batch, pending.mustSync ? .synced : .buffered)
    } catch {
      poison("the engine failed to write: \(error)")
      return
    }
    writeTime.observe(clock.now - started)
    let done = pending
    pending.removeAll()
    for outcome in done.outcomes { outcome.call() }
    for result in done.results where !router.post(.applied(result), to: result.regionID) {
      result.completeAll()
    }
  }

  private mutating func poison(_ reason: String) {
    isPoisoned = true
    logger.critical("apply stops: \(reason)")
    for outcome in pending.outcomes { outcome.abandon() }
    for result in pending.results { result.abandonAll() }
    pending.removeAll()
    onFatal(reason)
  }

  /// After a failure no one may be notified that a write happened, nor that it did not.
  private func abandon(_ message: ApplyMessage) {
    guard case .apply(let task) = message else { return }
    for proposal in task.proposals { proposal.fail(.undeterminedResult(message: "store stops")) }
  }
}
