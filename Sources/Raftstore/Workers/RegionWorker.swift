import Codec
import Collections
package import Engine
package import Logging
import Protobuf
package import RaftLog
package import Runtime

/// Does what takes long with files and ranges, one task at a time and in order: installs snapshots, deletes ranges,
/// clears away logs and snapshot files.
///
/// Snapshots wait, in order, while the engine slows writes down because it has too many files to merge: ingesting
/// more would stop the writes of all regions.
///
/// A crash in the middle of any task leaves what a restart does again: a region stays *applying*
/// until its data is in place, and files without their meta are removed at start.
package struct RegionWorker: Handler {
  private let engine: any KVEngine
  private let logs: any RaftLogStore
  private let snapshots: SnapManager
  private let meta: StoreMeta
  private let logger: Logger
  private let router: Router
  private let logWriter: Mailbox<LogWriteTask>
  private let clock: any Clock
  private let onFatal: @Sendable (String) -> Void
  private let snapshotApplyTime: Histogram
  private let destroyTime: Histogram
  private let delayedApplies: Counter
  /// How long a compacted log waits for others to share the barrier; zero: for those of its batch.
  private let logSyncInterval: Duration
  /// Posts a task to this worker after a while.
  private let later: @Sendable (RegionTask, Duration) -> Void

  /// Logs to be dropped once the engine is durable: one barrier serves all of them. The first one has set the timer.
  private var compactedLogs: [CompactedLog] = []
  /// The logs have waited long enough for others to share the barrier.
  private var isLogSyncDue = false
  /// Snapshots to be applied, in the order in which they were persisted.
  private var waiting: Deque<WaitingSnapshot> = []
  /// Set by the first failure of the engine's disk; nothing is done or promised after.
  private var failure: String?

  private struct WaitingSnapshot {
    var key: SnapshotKey
    var region: Region
    var peerID: UInt64
  }

  private struct CompactedLog {
    var regionID: UInt64
    var peerID: UInt64
    var index: UInt64
    var term: UInt64
  }

  /// - Parameters:
  ///   - logSyncInterval: how long a compacted log waits for others before the engine is synced for it.
  ///   - later: posts a task to this worker after a while.
  package init(
    engine: any KVEngine, logs: any RaftLogStore, snapshots: SnapManager, meta: StoreMeta,
    router: Router,
    logWriter: Mailbox<LogWriteTask>, clock: any Clock, metrics: Metrics, logger: Logger,
    logSyncInterval: Duration, later: @escaping @Sendable (RegionTask, Duration) -> Void,
    onFatal: @escaping @Sendable (String) -> Void
  ) {
    self.logSyncInterval = logSyncInterval
    self.later = later
    self.engine = engine
    self.logs = logs
    self.snapshots = snapshots
    self.logger = logger
    self.clock = clock
    self.onFatal = onFatal
    self.meta = meta
    self.router = router
    self.logWriter = logWriter
    snapshotApplyTime = metrics.histogram(
      "apus_snapshot_apply_seconds", "Time to apply a received snapshot.")
    delayedApplies = metrics.counter(
      "apus_snapshot_apply_delayed_total",
      "Times a snapshot was not applied yet because the engine slows writes down.")
    destroyTime = metrics.histogram(
      "apus_region_destroy_range_seconds", "Time to delete a range of data.")
  }

  /// How long a snapshot waits for an engine that slows writes down before it looks again.
  private static let retryInterval = Duration.seconds(1)

  package mutating func handle(_ batch: [RegionTask]) {
    for task in batch {
      switch task {
      case .applySnapshot(let peerID, let region, let key):
        waiting.append(WaitingSnapshot(key: key, region: region, peerID: peerID))
        if waiting.count == 1 { applyWaiting() }
      case .retryApplying: applyWaiting()
      case .destroyRange(let regionID, let range): destroy(range, of: regionID)
      case .gcRaftLog(let regionID, let peerID, let index, let term):
        if compactedLogs.isEmpty, logSyncInterval > .zero { later(.syncLogs, logSyncInterval) }
        compactedLogs.append(
          CompactedLog(regionID: regionID, peerID: peerID, index: index, term: term))
      case .syncLogs: isLogSyncDue = true
      case .purgeLogs: purgeLogs()
      case .gcSnapshots: gcSnapshots()
      case .deleteSnapshot(let key, let origin): release(key, origin)
      case .createEmpty(let region, let storeID): createEmpty(region, storeID)
      }
    }
  }

  package mutating func flush() {
    if isLogSyncDue || logSyncInterval == .zero || compactedLogs.count >= Self.maxCompactedLogs {
      gcRaftLogs()
    }
  }

  /// Compacted logs that are worth a barrier at once.
  private static let maxCompactedLogs = 512

  // MARK: Snapshots

  /// Applies the snapshots that wait, as far as the engine can take their data now.
  private mutating func applyWaiting() {
    while let next = waiting.first {
      if isEngineOverloaded {
        delayedApplies.increment()
        later(.retryApplying, Self.retryInterval)
        return
      }
      waiting.removeFirst()
      applySnapshot(next.key, next.region, next.peerID)
    }
  }

  /// Whether RocksDB slows down or has stopped writes, for its level 0 or what is to be compacted.
  private var isEngineOverloaded: Bool {
    [ColumnFamily.default, .write].contains { family in
      (engine.property("rocksdb.actual-delayed-write-rate", family) ?? 0) > 0
        || (engine.property("rocksdb.is-write-stopped", family) ?? 0) > 0
    }
  }

  private mutating func applySnapshot(_ key: SnapshotKey, _ region: Region, _ peerID: UInt64) {
    // Nothing is reported once the disk has failed: the peer would give itself up, though all that is
    // wrong ends with this process.
    if failure != nil { return }
    let begun = clock.now
    var failed: SnapshotError?
    do throws(ApplySnapshotError) {
      try SnapshotApplier(
        engine: engine, snapshots: snapshots, key: key, region: region, peerID: peerID
      ).applySnapshot()
      snapshotApplyTime.observe(clock.now - begun)
      logger.info("region \(region.id): snapshot \(key) is applied")
    } catch {
      logger.error("region \(region.id): cannot apply snapshot \(key): \(error)")
      switch error {
      case .refused(let reason): failed = reason
      case .disk(let reason): return fail(reason)
      }
    }
    router.post(
      .snapshotApplied(regionID: region.id, peerID: peerID, key: key, error: failed),
      to: region.id)
  }

  /// Asks the peers about snapshot unused files; what belongs to no peer here goes at once.
  private func gcSnapshots() {
    let idle: [IdleSnapshot]
    do throws(SnapshotError) {
      idle = try snapshots.idle()
    } catch {
      logger.warning("cannot list snapshots: \(error)")
      return
    }
    var rest = idle[...]
    while let regionID = rest.first?.key.regionID {
      let group = rest.prefix { $0.key.regionID == regionID }
      rest = rest.dropFirst(group.count)
      if meta.held(regionID) != nil {
        router.post(.gcSnapshots(regionID: regionID, Array(group)), to: regionID)
      } else {
        for snapshot in group { delete(snapshot.key, snapshot.origin) }
      }
    }
  }

  /// Deletes files a peer has no use for. It may have changed its mind: a snapshot it refused can
  /// come again, find its files here and be taken up while this task waited. What is left behind
  /// for that reason the next collection finds.
  private func release(_ key: SnapshotKey, _ origin: SnapshotOrigin) {
    do throws(EngineError) {
      if origin == .received, try localState(key.regionID)?.state == .applying { return }
    } catch {
      logger.warning("cannot determine whether snapshot \(key) is needed: \(error)")
      return
    }
    delete(key, origin)
  }

  private func delete(_ key: SnapshotKey, _ origin: SnapshotOrigin) {
    do throws(SnapshotError) {
      try snapshots.delete(key, origin)
    } catch {
      if case .busy = error { return }
      logger.warning("cannot delete snapshot \(key): \(error)")
    }
  }

  // MARK: Ranges and logs

  /// Deletes the parts of a range that no living region of this store has.
  private mutating func destroy(_ range: KeyRange, of regionID: UInt64) {
    if failure != nil { return }
    let begun = clock.now
    do throws(EngineError) {
      var activeRegions = meta.occupied(in: range, except: regionID)
      if let own = try normalRange(of: regionID) { activeRegions.append(own) }
      let pieces = range.subtracting(activeRegions)
      if pieces != [range] {
        logger.warning(
          "region \(regionID): of \(range) only \(pieces) is deleted, the rest has owners")
      }
      // Files are dropped at once. What says that the data is not needed is durable already: the tombstone,
      // or the record of the snapshot that made the region smaller (see `RegionTask.destroyRange`).
      let deleter = RangeDeleter(engine: engine)
      for piece in pieces { try deleter.delete(piece) }
      destroyTime.observe(clock.now - begun)
    } catch {
      fail("cannot delete \(range) of region \(regionID): \(error)")
    }
  }

  /// The range of a region that is recorded as living, whatever the task thinks of it.
  private func normalRange(of regionID: UInt64) throws(EngineError) -> KeyRange? {
    guard let local = try localState(regionID), local.state == .normal || local.state == .merging
    else { return nil }
    return local.region.range
  }

  private func localState(_ regionID: UInt64) throws(EngineError) -> RegionLocalState? {
    let key = KeyLayout.regionState(regionID: regionID)
    guard let record = try engine.get(.raft, key) else { return nil }
    do throws(CodecError) {
      return try RegionLocalState(decoding: record)
    } catch {
      throw EngineError(
        .corruption, operation: "read state of region \(regionID)", message: "\(error)")
    }
  }

  /// Lets the log writer drop what the engine has made durable.
  private mutating func gcRaftLogs() {
    isLogSyncDue = false
    defer { compactedLogs.removeAll(keepingCapacity: true) }
    if compactedLogs.isEmpty || failure != nil { return }
    do throws(EngineError) {
      try engine.sync()
    } catch {
      fail("cannot sync the engine: \(error)")
      return
    }
    for collectible in compactedLogs {
      var log = LogBatch()
      log.compact(collectible.regionID, to: collectible.index, term: collectible.term)
      let task = LogWriteTask(
        regionID: collectible.regionID, peerID: collectible.peerID, number: 0, log: log,
        durability: .buffered)
      // A log that was destroyed must not be compacted afterwards.
      meta.withPeer(collectible.peerID, of: collectible.regionID) { logWriter.post(task) }
    }
  }

  private mutating func createEmpty(_ region: Region, _ storeID: UInt64) {
    if failure != nil { return }
    do throws(StoreError) {
      let maker = EmptyRegionMaker(engine: engine, meta: meta)
      guard let child = try maker.make(region, storeID: storeID) else { return }
      logger.warning("\(region) is created without data: nothing was left of its range")
      router.post(.createChild(child), to: region.id)
    } catch {
      fail("cannot create \(region): \(error)")
    }
  }

  private mutating func purgeLogs() {
    if failure != nil { return }
    do throws(LogStoreError) {
      for advice in try logs.purge() {
        router.post(.compactLog(regionID: advice.region), to: advice.region)
      }
    } catch {
      fail("cannot free compacted logs: \(error)")
    }
  }

  private mutating func fail(_ reason: String) {
    if failure != nil { return }
    failure = reason
    logger.critical("region worker stops: \(reason)")
    onFatal(reason)
  }
}
