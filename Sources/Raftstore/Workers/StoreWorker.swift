import Codec
import Engine
import Logging
import Raft
import Runtime

/// Does what concerns the store as a whole: messages for regions it has no peer of, reports to the
/// placement driver, the collection of idle snapshots.
struct StoreWorker: Handler {
  let storeID: UInt64
  let config: RaftstoreConfig
  let engine: any KVEngine
  let meta: StoreMeta
  let router: Router
  let transport: any Transport
  let logger: Logger
  let snapshots: SnapManager
  let pd: any PDClient
  let regionWorker: Mailbox<RegionTask>
  let splitCheckWorker: Mailbox<SplitCheckMessage>
  let compactionWorker: Mailbox<CompactionMessage>
  let metrics: RaftMetrics
  let disk: DiskReserve
  let diskSpace: @Sendable () -> (capacity: UInt64, available: UInt64)
  let onFatal: @Sendable (String) -> Void
  let readGuard: (any ReadGuard)?
  /// What the placement driver was notified when the store registered: the same start is reported ever
  /// after.
  let info: StoreInfo
  /// First votes for regions that a split may be about to make here, oldest first.
  var pendingVotes: [RaftEnvelope] = []
  var envelopes: [RaftEnvelope] = []
  /// Of stores on which hibernated followers have their leaders (StoreWorker+Liveness).
  var liveness = StoreLiveness()
  /// Rounds of questions about leaders that were begun.
  private var safeTSRound: UInt64 = 0
  private var resolved = ResolvedRound()
  var scrub = ScrubSchedule()
  /// The report that is being gathered.
  var recovery = RecoveryReporting()

  init(
    storeID: UInt64, info: StoreInfo, config: RaftstoreConfig, environment: RaftstoreEnvironment,
    meta: StoreMeta, router: Router, metrics: RaftMetrics, disk: DiskReserve,
    regionWorker: Mailbox<RegionTask>, splitCheckWorker: Mailbox<SplitCheckMessage>,
    compactionWorker: Mailbox<CompactionMessage>
  ) {
    self.storeID = storeID
    self.config = config
    engine = environment.engine
    self.meta = meta
    self.router = router
    transport = environment.transport
    logger = environment.logger
    snapshots = environment.snapshots
    pd = environment.pd
    self.regionWorker = regionWorker
    self.splitCheckWorker = splitCheckWorker
    self.compactionWorker = compactionWorker
    self.metrics = metrics
    self.disk = disk
    diskSpace = environment.diskSpace
    onFatal = environment.onFatal
    readGuard = environment.readGuard
    self.info = info
  }

  mutating func handle(_ batch: [StoreMessage]) {
    for message in batch {
      switch message {
      case .raft(let envelope): receive(envelope)
      case .childCreated(let regionID): deliverPendingVotes(regionID)
      case .tick(.heartbeat): heartbeat(nil)
      case .recover(let plan): recover(plan)
      case .peersInspected(let step, let statuses): peersInspected(step, statuses)
      case .tick(.checkDisk): checkDisk(space())
      case .tick(.gcSnapshots): regionWorker.post(.gcSnapshots)
      case .tick(.purgeLogs): regionWorker.post(.purgeLogs)
      case .tick(.advanceSafeTS): advanceSafeTS()
      case .tick(.checkConsistency): checkOldest()
      case .regionHeartbeat(let heartbeat): report(heartbeat)
      case .checkSplit(let check): splitCheckWorker.post(.check(check))
      case .askSplit(let question): ask(question)
      case .reportSplit(let regions): reportSplit(regions)
      case .checkMembership(let region, let peerID): checkMembership(region, peerID)
      case .membershipFetched(let regionID, let peerID, let known, let result):
        membershipFetched(regionID, peerID, known, result)
      case .checkMerge(let region, let peerID): checkMerge(region, peerID)
      case .tick(.liveness): tickLiveness()
      case .watchStore(let storeID, let begins): liveness.watch(storeID, begins)
      case .rangeDeleted(let range): compactionWorker.post(.rangeDeleted(range))
      case .tick(.checkCompaction): compactionWorker.post(.check)
      case .shardResolved(let round, let timestamp): shardResolved(round, timestamp)
      }
    }
  }

  mutating func flush() {
    guard !envelopes.isEmpty else { return }
    transport.send(envelopes)
    envelopes.removeAll()
  }

  // MARK: Reports

  /// The store's share of the disk: what it may take in all, what is free of that, and what its data takes.
  private func space() -> (capacity: UInt64, available: UInt64, used: UInt64) {
    let (capacity, free) = diskSpace()
    do throws(EngineError) {
      let used = try engine.usedBytes()
      return (capacity, min(free, capacity - min(capacity, used)), used)
    } catch {
      logger.warning("cannot read the engine's size: \(error)")
      return (capacity, free, capacity - min(capacity, free))
    }
  }

  private func checkDisk(_ space: (capacity: UInt64, available: UInt64, used: UInt64)) {
    guard disk.update(capacity: space.capacity, available: space.available) else { return }
    let reserve = disk.size(ofCapacity: space.capacity)
    if disk.isFull {
      logger.error(
        "the disk is full: writes are refused, deletes are not",
        metadata: ["available": "\(space.available)", "reserve": "\(reserve)"])
    } else {
      logger.notice(
        "the disk has free space again", metadata: ["available": "\(space.available)"])
    }
    metrics.diskFull.set(disk.isFull ? 1 : 0)
  }

  /// - Parameter report: all peers of the store, which the response to an earlier heartbeat has asked for.
  func heartbeat(_ report: StoreReport?) {
    let space = space()
    checkDisk(space)
    let statistics = snapshots.statistics
    let read = meta.takeReadFlow()
    let id = storeID
    let (logger, onFatal, address, router) = (logger, onFatal, info.address, router)
    pd.storeHeartbeat(
      StoreHeartbeat(
        storeID: id, capacity: space.capacity, available: space.available, usedSize: space.used,
        regionCount: UInt64(meta.count), sendingSnapshots: UInt64(statistics.sending),
        receivingSnapshots: UInt64(statistics.receiving),
        applyingSnapshots: UInt64(statistics.applying),
        startTime: UInt64(clamping: info.startTimestamp),
        isBusy: router.isBusy, bytesRead: read.bytes, keysRead: read.keys,
        damagedRegions: meta.damagedRegions, report: report)
    ) { result in
      // Each report is asked for by a heartbeat of the timer's.
      if report == nil, case .success(let plan?) = result { router.postToStore(.recover(plan)) }
      guard case .failure(let error) = result else { return }
      // What this process would still write or serve, it would do beside the one that has its place.
      if case .replaced = error { return onFatal("store \(id) at \(address) stops: \(error)") }
      logger.warning("store heartbeat: \(error)")
    }
  }

  /// Completes a leader's report with the region's size, if the leader does not know it yet, and sends it on.
  private func report(_ heartbeat: RegionHeartbeat) {
    var heartbeat = heartbeat
    do throws(EngineError) {
      if heartbeat.approximateSize == 0 {
        let size = try RangeSize.estimate(of: heartbeat.region.range, in: engine, limit: 0)
        heartbeat.approximateSize = size.bytes
        heartbeat.approximateKeys = size.keys
      }
    } catch {
      logger.warning("region \(heartbeat.region.id): its size cannot be read: \(error)")
      router.reportDamage(error, regionID: heartbeat.region.id)
    }
    pd.regionHeartbeat(heartbeat)
  }

  // MARK: Safe timestamps

  /// Fetches a timestamp for the leaders of this store. Without one no replica advances.
  private mutating func advanceSafeTS() {
    if meta.count == 0 { return }
    safeTSRound += 1
    pd.timestamp { [router, logger, readGuard, safeTSRound] result in
      switch result {
      case .success(let timestamp):
        // A transaction that computes its commit timestamp later gets a later one. One that has done so has a lock of
        // which the apply workers do not know yet.
        var safeTS = timestamp.value
        if let readGuard {
          readGuard.raise(to: safeTS)
          if let oldest = readGuard.oldestInProgress { safeTS = min(safeTS, max(1, oldest) - 1) }
        }
        router.broadcast(.advanceSafeTS(round: safeTSRound, timestamp: safeTS))
      case .failure(let error):
        logger.debug("stale reads do not advance: no timestamp", metadata: ["reason": "\(error)"])
      }
    }
  }

  /// Reports the timestamp up to which all regions led here are resolved. Nothing is reported while one is not known: what
  /// was reported before stays true.
  private mutating func shardResolved(_ round: UInt64, _ timestamp: UInt64?) {
    guard let lowest = resolved.add(timestamp, round: round, shards: config.shards), lowest > 0
    else { return }
    pd.reportMinResolvedTS(lowest, storeID: storeID) { [logger] result in
      guard case .failure(let error) = result else { return }
      logger.debug("the resolved timestamp is not reported", metadata: ["reason": "\(error)"])
    }
  }

  // MARK: Peers that may have been removed

  private func checkMembership(_ region: Region, _ peerID: UInt64) {
    let router = router
    pd.region(id: region.id) { result in
      router.sendToStore(
        .membershipFetched(
          regionID: region.id, peerID: peerID, knownConfVersion: region.epoch.confVersion, result))
    }
  }

  private func membershipFetched(
    _ regionID: UInt64, _ peerID: UInt64, _ known: UInt64,
    _ result: Result<Region?, PDClientError>
  ) {
    guard let mine = meta.held(regionID)?.region else { return }
    let status: MembershipStatus
    switch result {
    case .failure(let error):
      logger.warning("region \(regionID): cannot check the membership of peer \(peerID): \(error)")
      status = .unavailable
    case .success(nil): status = .unknownRegion
    case .success(let current?):
      if current.peer(onStore: storeID)?.id == peerID {
        status = .member
      } else if current.epoch.confVersion > max(known, mine.epoch.confVersion) {
        status = .removed
      } else {
        // Only a later membership can have removed the peer: the placement driver may be behind.
        status = .unlisted
      }
    }
    router.post(
      .membershipChecked(regionID: regionID, peerID: peerID, status), to: regionID)
  }
}
