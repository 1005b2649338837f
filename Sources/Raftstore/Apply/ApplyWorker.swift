import Codec
package import Engine
package import Logging
package import Runtime

/// Applies committed entries of its regions: one write batch over many regions, with each
/// region's `ApplyState` inside it, then the responses.
///
/// Nothing is synced here but splits and merges: the raft log is the redo log of the engine, and it is cut only after
/// the engine was made durable (`RegionTask.gcRaftLog`). The new regions of a split have logs of their own,
/// which must not be older than their records; the log of a region that was merged is destroyed at once.
package struct ApplyWorker: Handler {
  /// Bytes gathered before a batch is written although more is queued: bounds memory and latency.
  private static let batchBytes = 4 << 20

  private let engine: any KVEngine
  private let router: Router
  private let generations: SnapshotGenerations
  private let lockScans: LockScans
  private let consistencyWorker: Mailbox<ConsistencyMessage>
  private let logger: Logger
  private let onFatal: @Sendable (String) -> Void
  private let appliedEntries: Counter
  private let writeTime: Histogram
  private let clock: any Clock

  private var appliers: [UInt64: Applier] = [:]
  /// Regions whose next entry is a merge that waits for its source, with all messages for them, in order.
  private var waiting: [UInt64: [ApplyMessage]] = [:]
  private var pending: ApplyContext
  /// The engine can no longer be trusted: nothing is applied or acknowledged from here on.
  private var isPoisoned = false

  package init(
    engine: any KVEngine, meta: StoreMeta, router: Router, generations: SnapshotGenerations,
    lockScans: LockScans, consistencyWorker: Mailbox<ConsistencyMessage>,
    logger: Logger, metrics: Metrics, clock: any Clock,
    onFatal: @escaping @Sendable (String) -> Void
  ) {
    self.engine = engine
    pending = ApplyContext(
      splits: SplitApplier(engine: engine, meta: meta), merges: MergeApplier(engine: engine))
    self.router = router
    self.generations = generations
    self.lockScans = lockScans
    self.consistencyWorker = consistencyWorker
    self.logger = logger
    self.clock = clock
    self.onFatal = onFatal
    appliedEntries = metrics.counter(
      "tikv_raftstore_apply_proposal", "Entries applied by this store")
    writeTime = metrics.histogram(
      "tikv_raftstore_apply_log_duration_seconds", "Time to write one batch of applied entries")
  }

  package mutating func handle(_ batch: [ApplyMessage]) {
    for message in batch { handle(message) }
  }

  private mutating func handle(_ message: ApplyMessage) {
    if isPoisoned { return abandon(message) }
    if let id = message.waitingRegionID, waiting[id] != nil {
      waiting[id]?.append(message)
      return
    }
    switch message {
    case .register(let registration):
      appliers[registration.region.id] = Applier(registration)
    case .apply(let task):
      apply(task)
    case .generateSnapshot(let regionID, let peerID, let cancellation):
      generateSnapshot(regionID: regionID, peerID: peerID, cancellation)
    case .stop(let regionID, let peerID):
      stop(regionID: regionID, peerID: peerID)
    case .resumeMerge(let source):
      resume(source)
    case .abandonMerge(let regionID, let peerID):
      abandonMerge(regionID: regionID, peerID: peerID)
    case .trackLocks(let regionID, let peerID, let number):
      trackLocks(regionID: regionID, peerID: peerID, number)
    case .stopTrackingLocks(let regionID, let peerID):
      if appliers[regionID]?.peerID == peerID { appliers[regionID]?.stopTrackingLocks() }
    case .locksScanned(let scan, let found): locksScanned(scan, found)
    }
  }

  package mutating func flush() {
    commit()
  }

  /// What waits for the source of a merge is committed, and may be applied by others: no one can tell.
  package mutating func stop() {
    for id in waiting.keys.sorted() {
      for case .apply(let task) in waiting[id] ?? [] {
        for proposal in task.proposals { proposal.fail(.staleCommand) }
      }
    }
    waiting = [:]
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
    var left: ApplyTask? = task
    do throws(ApplyError) {
      while let next = left {
        left = try applier.apply(next, &pending)
        if pending.hash != nil { commit() }
        if isPoisoned || applier.awaitedMerge != nil { break }
      }
    } catch {
      for proposal in left?.proposals ?? [] where proposal.index >= error.index {
        proposal.fail(.undeterminedResult(message: "the store failed while applying"))
      }
      return failed(error, task.regionID, task.peerID)
    }
    if isPoisoned { return left.map { abandon(.apply($0)) } ?? () }
    appliers[task.regionID] = applier
    if let left, let merge = applier.awaitedMerge { wait(left, merge) }
    if pending.batch.byteSize >= Self.batchBytes { commit() }
  }

  /// The peer cannot go on. Its applier is gone; what it has applied is written before that is reported.
  private mutating func failed(_ error: ApplyError, _ regionID: UInt64, _ peerID: UInt64) {
    let reason = "region \(regionID), entry \(error.index): \(error.reason)"
    if error.concernsStore { return poison(reason) }
    commit()
    router.post(
      .peerDamaged(regionID: regionID, peerID: peerID, kind: .log, reason: reason), to: regionID)
  }

  // MARK: Merges

  /// The task goes on when the source of the merge has applied its log up to the merge. Its peer may be on another
  /// shard: nothing waits here but this region.
  private mutating func wait(_ task: ApplyTask, _ merge: AdminCommand.CommitMerge) {
    waiting[task.regionID] = [.apply(task)]
    let request = CatchUpRequest(
      merge, targetRegionID: task.regionID, targetPeerID: task.peerID)
    router.post(.catchUpLogs(request), to: merge.source.id)
  }

  private mutating func resume(_ source: CaughtUpSource) {
    let id = source.targetRegionID
    guard let merge = appliers[id]?.awaitedMerge, appliers[id]?.peerID == source.targetPeerID,
      merge.source.id == source.sourceRegionID, merge.commit == source.commit,
      let messages = waiting.removeValue(forKey: id)
    else { return }
    appliers[id]?.awaitedMerge = nil
    appliers[id]?.readySource = (source.sourceRegionID, source.commit)
    for message in messages { handle(message) }
  }

  private mutating func abandonMerge(regionID: UInt64, peerID: UInt64) {
    guard appliers[regionID]?.peerID == peerID,
      let messages = waiting.removeValue(forKey: regionID)
    else { return }
    appliers[regionID] = nil
    for message in messages { handle(message) }
  }

  // MARK: Snapshots and the end of peers

  private mutating func generateSnapshot(
    regionID: UInt64, peerID: UInt64, _ cancellation: SnapshotCancellation
  ) {
    if cancellation.isCancelled { return }
    commit()
    // One of a region that is merging could not be told from one of a region whose merge was rolled back.
    guard !isPoisoned, let applier = appliers[regionID], applier.peerID == peerID,
      applier.merge == nil
    else {
      let error = SnapshotError.stale("region \(regionID) is not applied here")
      router.post(
        .snapshotGenerated(regionID: regionID, peerID: peerID, result: .failure(error)),
        to: regionID)
      return
    }
    let request = SnapshotRequest(
      region: applier.region, peerID: peerID, index: applier.state.appliedIndex,
      term: applier.appliedTerm, snapshot: engine.snapshot(), cancellation: cancellation)
    generations.submit(request)
  }

  private mutating func stop(regionID: UInt64, peerID: UInt64) {
    commit()
    if appliers[regionID]?.peerID == peerID { appliers[regionID] = nil }
    router.post(.applyStopped(regionID: regionID, peerID: peerID), to: regionID)
  }

  private mutating func trackLocks(regionID: UInt64, peerID: UInt64, _ number: UInt64) {
    // The view must have what was applied so far, and the tracker gets the rest.
    commit()
    guard !isPoisoned, let region = appliers[regionID]?.region, appliers[regionID]?.peerID == peerID
    else { return }
    let maxBytes = lockScans.maxBytes
    appliers[regionID]?.trackLocks(number: number, maxBytes: maxBytes)
    lockScans.worker.post(
      LockScan(
        regionID: regionID, peerID: peerID, number: number, range: region.range,
        view: engine.snapshot(), reply: lockScans.reply))
  }

  private mutating func locksScanned(_ scan: LockScan, _ found: [LockChange]?) {
    // Results of entries applied before do not know the locks yet, and must arrive first.
    commit()
    guard appliers[scan.regionID]?.peerID == scan.peerID,
      appliers[scan.regionID]?.locksScanned(number: scan.number, found) == true
    else { return }
    router.post(
      .locksTracked(
        regionID: scan.regionID, peerID: scan.peerID, number: scan.number,
        oldest: appliers[scan.regionID]?.oldestLock()), to: scan.regionID)
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
    if let hash = done.hash { consistencyWorker.post(.hash(hash, engine.snapshot())) }
    // The results first: once a write is completed nothing but they say which locks it has set (`ReadGuard`).
    for result in done.results where !router.post(.applied(result), to: result.regionID) {
      result.completeAll()
    }
    for outcome in done.outcomes { outcome.call() }
  }

  private mutating func poison(_ reason: String) {
    isPoisoned = true
    logger.critical("apply stops: \(reason)")
    for outcome in pending.outcomes { outcome.abandon() }
    for result in pending.results { result.abandonAll() }
    pending.removeAll()
    for id in waiting.keys.sorted() { waiting[id]?.forEach(abandon) }
    waiting = [:]
    onFatal(reason)
  }

  /// After a failure no one may be notified that a write happened, nor that it did not.
  private func abandon(_ message: ApplyMessage) {
    guard case .apply(let task) = message else { return }
    for proposal in task.proposals { proposal.fail(.undeterminedResult(message: "store stops")) }
  }
}

extension ApplyMessage {
  /// The region that the message waits with, should that wait for the source of a merge.
  fileprivate var waitingRegionID: UInt64? {
    switch self {
    case .register, .apply, .generateSnapshot, .stop, .trackLocks, .stopTrackingLocks,
      .locksScanned:
      regionID
    case .resumeMerge, .abandonMerge: nil
    }
  }
}
