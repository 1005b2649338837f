import Codec
package import Engine
package import Logging
import Protobuf
package import RaftLog
package import Runtime

/// Does what takes long with files and ranges, one task at a time and in order: builds and installs
/// snapshots, deletes ranges, clears away logs and snapshot files.
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

  /// Logs to be dropped once the engine is durable: one barrier serves all of a batch.
  private var compactedLogs: [CompactedLog] = []
  /// Set by the first failure of the engine's disk; nothing is done or promised after.
  private var failure: String?

  private struct CompactedLog {
    var regionID: UInt64
    var peerID: UInt64
    var index: UInt64
    var term: UInt64
  }

  package init(
    engine: any KVEngine, logs: any RaftLogStore, snapshots: SnapManager, meta: StoreMeta,
    router: Router,
    logWriter: Mailbox<LogWriteTask>, clock: any Clock, metrics: Metrics, logger: Logger,
    onFatal: @escaping @Sendable (String) -> Void
  ) {
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
    destroyTime = metrics.histogram(
      "apus_region_destroy_range_seconds", "Time to delete a range of data.")
  }

  package mutating func handle(_ batch: [RegionTask]) {
    for task in batch {
      switch task {
      case .generate(let request): generate(request)
      case .applySnapshot(let peerID, let region, let key): applySnapshot(key, region, peerID)
      case .destroyRange(let regionID, let range): destroy(range, of: regionID)
      case .gcRaftLog(let regionID, let peerID, let index, let term):
        compactedLogs.append(
          CompactedLog(regionID: regionID, peerID: peerID, index: index, term: term))
      case .purgeLogs: purgeLogs()
      case .gcSnapshots: gcSnapshots()
      case .deleteSnapshot(let key, let origin): release(key, origin)
      }
    }
  }

  package mutating func flush() {
    gcRaftLogs()
  }

  // MARK: Snapshots

  private func generate(_ request: SnapshotRequest) {
    let region = request.region
    let result: Result<GeneratedSnapshot, SnapshotError>
    do throws(SnapshotError) {
      if let failure { throw .io(failure) }
      let snapshot = try snapshots.generate(request) {
        // A peer that is gone needs no snapshot any more.
        meta.held(region.id)?.region.peer(id: request.peerID) == nil
      }
      logger.info("region \(region.id): snapshot \(snapshot.key) is ready")
      result = .success(snapshot)
    } catch {
      logger.warning("region \(region.id): cannot generate a snapshot: \(error)")
      result = .failure(error)
    }
    router.post(
      .snapshotGenerated(regionID: region.id, peerID: request.peerID, result: result),
      to: region.id)
  }

  private mutating func applySnapshot(_ key: SnapshotKey, _ region: Region, _ peerID: UInt64) {
    // Nothing is reported once the disk has failed: the peer would give itself up, though all that is
    // wrong ends with this process.
    if failure != nil { return }
    let begun = clock.now
    var failed: SnapshotError?
    do throws(ApplySnapshotError) {
      try SnapshotApplier(engine: engine, snapshots: snapshots, key: key, region: region)
        .applySnapshot()
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
