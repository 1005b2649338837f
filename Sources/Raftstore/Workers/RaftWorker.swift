import Codec
import Logging
import Raft
import Runtime

/// Owns the peers of one shard: dispatches messages to them by region, remembers whom a batch touched,
/// and at its end lets each of those propose, handle one ready and serve reads.
///
/// It never waits: log, data, files and network are other workers'.
struct RaftWorker: Handler {
  let context: ShardContext
  private(set) var peers: [UInt64: Peer] = [:]
  /// The ids of `peers`, ascending: what is done for all is done in this order.
  private(set) var order: [UInt64] = []
  private var peersInBatch: [Peer] = []
  /// Children of splits that wait for their place.
  private var awaited = AwaitedChildren()
  private var randomness: SplitMix64
  /// Who gets ticks, and when the others are due (RaftWorker+Timers).
  var timers = ShardTimers()
  /// When that is, for the timer.
  let pulse: ShardPulse
  /// Hibernated followers that are to be woken because the store of their leader is gone: some with each tick.
  var toWake: [UInt64] = []

  /// - Parameters:
  ///   - loaded: the peers found at start.
  ///   - seed: where every random choice of the shard comes from.
  init(context: ShardContext, loaded: [LoadedPeer], seed: UInt64, pulse: ShardPulse) {
    self.context = context
    self.pulse = pulse
    randomness = SplitMix64(seed: seed)
    for peer in loaded {
      guard let peer = add(peer) else { continue }
      context.meta.set(peer.region, delegate: peer.delegate)
    }
  }

  @discardableResult
  private mutating func add(_ loaded: LoadedPeer) -> Peer? {
    do throws(StoreError) {
      let peer = try makePeer(loaded)
      peers[loaded.region.id] = peer
      order.insert(loaded.region.id, at: position(of: loaded.region.id))
      peer.schedule.isTicking = true
      timers.start(loaded.region.id)
      context.metrics.peers.ticking.add(1)
      context.metrics.peers.regions.add(1)
      return peer
    } catch {
      context.onFatal("region \(loaded.region.id) cannot be loaded: \(error)")
      return nil
    }
  }

  /// The index in `order` of the first id that is not less.
  private func position(of id: UInt64) -> Int {
    var (low, high) = (0, order.count)
    while low < high {
      let middle = (low + high) / 2
      if order[middle] < id { low = middle + 1 } else { high = middle }
    }
    return low
  }

  /// A peer whose log is damaged begins as a fenced one.
  private mutating func makePeer(_ loaded: LoadedPeer) throws(StoreError) -> Peer {
    let seed = randomness.next()
    do throws(StoreError) {
      return try Peer(loaded, context, seed: seed)
    } catch {
      guard error.isDamage, loaded.region.isInitialized, loaded.damage == nil else { throw error }
      var damaged = loaded
      damaged.damage = PeerDamage(peerID: loaded.info.id, reason: "\(error)")
      return try Peer(damaged, context, seed: seed)
    }
  }

  mutating func handle(_ batch: [RaftWorkerMessage]) {
    context.beginBatch()
    for message in batch { dispatch(message) }
  }

  mutating func flush() {
    // A child that begins here joins the batch.
    var next = 0
    while next < peersInBatch.count {
      let peer = peersInBatch[next]
      next += 1
      peer.schedule.isInBatch = false
      peer.flush()
      settle(peer)
      if peer.lifecycle == .gone { remove(peer) }
      if let successor = peer.successor, let next = add(successor) {
        context.meta.set(next.region, delegate: next.delegate)
        if next.isInitialized { addToBatch(next.regionID)?.begin() }
      }
    }
    peersInBatch.removeAll(keepingCapacity: true)
    publishNextTick()
    context.endBatch()
    context.metrics.readySeconds.observe(context.clock.now - context.now)
  }

  mutating func stop() {
    for id in order {
      // What was proposed may still be committed by others: no one can tell.
      peers[id]?.failPending(.staleCommand)
      peers[id]?.dropLease()
    }
    context.endBatch()
  }

  // MARK: Dispatch

  private mutating func dispatch(_ message: RaftWorkerMessage) {
    switch message {
    case .raft(let envelope): deliver(envelope)
    case .write(let request):
      let id = request.context.regionID
      guard let peer = addToBatch(id) else {
        request.completion(.failure(.regionNotFound(regionID: id)))
        return
      }
      peer.wakeForRequest()
      peer.write(request)
    case .read(let request):
      let id = request.context.regionID
      guard let peer = addToBatch(id) else {
        request.completion(.failure(.regionNotFound(regionID: id)))
        return
      }
      if !request.context.replicaRead { peer.wakeForRequest() }
      peer.read(request)
    case .admin(let request):
      guard let peer = addToBatch(request.regionID) else {
        request.completion(.failure(.regionNotFound(regionID: request.regionID)))
        return
      }
      peer.wakeForRequest()
      peer.proposeAdmin(request)
    case .split(let request):
      let id = request.context.regionID
      guard let peer = addToBatch(id) else {
        request.completion(.failure(.regionNotFound(regionID: id)))
        return
      }
      peer.wakeForRequest()
      peer.requestSplit(request)
    case .tick: tick()
    case .start: start()
    case .evictLeaders: for id in order { addToBatch(id)?.evictLeaders() }
    case .inspect(let id, let completion): completion(inspect(id))
    case .createPeer(let id, let info, let cause): create(id, info, cause)
    case .createChild(let child): create(child)
    case .campaignChild(let id): addToBatch(id)?.campaignAsChild()
    case .gcSnapshots(let id, let idle): collect(id, idle)
    case .storeUnreachable(let storeID): storeUnreachable(storeID)
    case .storeHeard(let storeID): storeHeard(storeID)
    case .checkLeaders(let leaders, let agreed):
      agreed(leaders.filter { peers[$0.regionID]?.agrees(with: $0) == true }.map(\.regionID))
    case .advanceSafeTS(let round, let timestamp):
      context.ask(
        order.compactMap { peers[$0]?.proveLeadership(round: round, timestamp: timestamp) }, round)
      let resolved = order.compactMap { peers[$0]?.leaderSafeTS }.min()
      context.router.postToStore(.shardResolved(round: round, resolved))
    case .leadersAgreed(let storeID, let round, let ids):
      for id in ids { peers[id]?.leadershipConfirmed(round: round, byStore: storeID) }
    case .heartbeatRefused(let id, let peerID): addToBatch(id, peerID)?.reportRefused()
    case .readLoad(let load): addToBatch(load.regionID, load.peerID)?.readLoadReported(load)
    default: report(message)
    }
  }

  /// Responses of other workers. A peer that is gone, or was replaced, does not need them.
  private mutating func report(_ message: RaftWorkerMessage) {
    switch message {
    case .persisted(let id, let peerID, let number, let responses):
      addToBatch(id, peerID)?.persisted(number: number, responses: responses)
    case .applied(let result):
      if let peer = addToBatch(result.regionID, result.peerID) {
        peer.applied(result)
      } else {
        result.completeAll()
      }
    case .applyStopped(let id, let peerID):
      addToBatch(id, peerID)?.applyStopped()
    case .snapshotGenerated(let id, let peerID, let result):
      addToBatch(id, peerID)?.snapshotGenerated(result)
    case .snapshotApplied(let id, let peerID, let key, let error):
      addToBatch(id, peerID)?.snapshotApplied(key: key, error: error)
    case .snapshotSent(let id, let toPeerID, let key, let succeeded):
      addToBatch(id)?.snapshotSent(to: toPeerID, index: key.index, succeeded: succeeded)
    case .peerUnreachable(let id, let peerID):
      addToBatch(id)?.unreachable(peerID: peerID)
    case .executeOperator(let order):
      addToBatch(order.regionID)?.executeOperator(order)
    case .splitChecked(let result):
      addToBatch(result.region.id, result.peerID)?.splitChecked(result)
    case .splitIDs(let id, let peerID, let number, let result):
      addToBatch(id, peerID)?.splitIDsReceived(number, result)
    case .compactLog(let id):
      addToBatch(id)?.compactSoon()
    case .membershipChecked(let id, let peerID, let status):
      addToBatch(id, peerID)?.membershipChecked(status)
    case .catchUpLogs(let request): catchUp(request)
    case .sourceCaughtUp(let source):
      addToBatch(source.targetRegionID, source.targetPeerID)?.sourceCaughtUp(source)
    case .sourceMerged(let id): addToBatch(id)?.sourceMerged()
    case .sourceLost(let id, let peerID): addToBatch(id, peerID)?.sourceLost()
    case .releaseSource(let release):
      guard let peer = addToBatch(release.sourceRegionID) else {
        context.router.post(.sourceReleased(release), to: release.targetRegionID)
        return
      }
      peer.makeWay(release)
    case .sourceReleased(let release):
      addToBatch(release.targetRegionID, release.targetPeerID)?.sourceReleased(release)
    case .reclaimSource(let id): addToBatch(id)?.reclaimSource()
    case .suspectMerge(let id): addToBatch(id)?.suspectMerge()
    case .mergeConfirmed(let id, let peerID, let isMember):
      addToBatch(id, peerID)?.mergeConfirmed(isMember: isMember)
    case .locksTracked(let id, let peerID, let number, let oldest):
      addToBatch(id, peerID)?.locksTracked(number, oldest: oldest)
    case .rangeCompacted(let id): addToBatch(id)?.rangeCompacted()
    case .peerDamaged(let id, let peerID, let kind, let reason):
      (peerID.map { addToBatch(id, $0) } ?? addToBatch(id))?.damaged(kind, reason)
    case .hashComputed(let id, let peerID, let index, let hash):
      addToBatch(id, peerID)?.hashComputed(hash, at: index)
    case .checkConsistency(let id, let waiter):
      guard let peer = addToBatch(id) else {
        waiter?(.failure(.regionNotFound(regionID: id)))
        return
      }
      peer.checkConsistency(waiter)
    case .recoverPeer(let id, .destroy):
      addToBatch(id)?.destroy("its region goes on without it")
    case .recoverPeer(let id, .continueAlone(let others)):
      addToBatch(id)?.continueAlone(without: others)
    case .raft, .write, .read, .admin, .split, .tick, .start, .evictLeaders, .inspect, .createPeer,
      .createChild, .campaignChild, .gcSnapshots, .storeUnreachable, .storeHeard,
      .checkLeaders, .advanceSafeTS, .leadersAgreed, .readLoad, .heartbeatRefused:
      preconditionFailure("a message that is dispatched elsewhere")
    }
  }

  /// The peer of a region, noted for the end of the batch.
  mutating func addToBatch(_ regionID: UInt64) -> Peer? {
    guard let peer = peers[regionID] else { return nil }
    if !peer.schedule.isInBatch {
      peer.schedule.isInBatch = true
      peersInBatch.append(peer)
    }
    return peer
  }

  private mutating func addToBatch(_ regionID: UInt64, _ peerID: UInt64) -> Peer? {
    guard peers[regionID]?.info.id == peerID else { return nil }
    return addToBatch(regionID)
  }

  private func inspect(_ id: UInt64?) -> [RegionStatus] {
    if let id { return peers[id].map { [$0.status] } ?? [] }
    return order.compactMap { peers[$0]?.status }
  }

  private mutating func catchUp(_ request: CatchUpRequest) {
    guard let peer = addToBatch(request.source.id), peer.isInitialized else {
      // What it could vote for is over: a committed merge is the end of its region.
      addToBatch(request.source.id)?.destroy("its region was merged, and its data is lost")
      return context.lost(request)
    }
    peer.catchUp(request)
  }

  // MARK: Peers come and go

  /// All workers are there: peers may talk to them.
  private mutating func start() {
    for id in order { addToBatch(id)?.begin() }
  }

  private mutating func deliver(_ envelope: RaftEnvelope) {
    if let problem = EnvelopeCheck.problem(of: envelope) {
      return context.refused(envelope, problem)
    }
    if awaited.hold(envelope) { return }
    guard let peer = addToBatch(envelope.regionID) else {
      guard context.router.sendToStore(.raft(envelope)) else {
        context.metrics.dropped.noPeer.increment()
        return
      }
      return
    }
    peer.step(envelope)
  }

  /// A message made the store worker decide that a peer belongs here. It knows only its ids until a snapshot
  /// comes.
  private mutating func create(_ regionID: UInt64, _ info: PeerInfo, _ cause: RaftEnvelope) {
    if peers[regionID] == nil {
      guard context.meta.uninitializedCount < context.config.maxUninitializedPeers else {
        context.metrics.dropped.tooManyPeers.increment()
        return
      }
      let region = Region(id: regionID)
      let delegate = ReadDelegate(region: region, peer: info)
      // A split that creates the region here comes first: its child gets the message.
      if context.meta.insertUninitialized(region, delegate: delegate) {
        add(
          LoadedPeer(
            region: region, info: info, applyState: ApplyState(), unfinishedSnapshot: nil,
            delegate: delegate))
        context.logger.info("region \(regionID): \(info) is created by a message")
      }
    }
    deliver(cause)
  }

  /// A split has created a peer. If a message has created it before, that one ends first: the new peer
  /// keeps its vote, which must be in the log by then.
  private mutating func create(_ child: SplitChild) {
    guard let present = addToBatch(child.region.id) else { return begin(child, []) }
    precondition(!present.isInitialized, "\(child.region) has been created twice")
    awaited.add(child)
    present.awaitReplacement()
  }

  /// - Parameter mayHaveConfirmedLease: whether the peer that the child replaces may have confirmed a leader's lease.
  private mutating func begin(
    _ child: SplitChild, _ envelopes: [RaftEnvelope], mayHaveConfirmedLease: Bool = false
  ) {
    let created = LoadedPeer(
      region: child.region, info: child.info, applyState: BootstrapRegion.applyState,
      unfinishedSnapshot: nil, delegate: child.delegate)
    guard let peer = add(created) else { return }
    _ = addToBatch(child.region.id)
    peer.begin(as: child, mayHaveConfirmedLease: mayHaveConfirmedLease)
    context.router.postToStore(.childCreated(regionID: child.region.id))
    for envelope in envelopes { deliver(envelope) }
  }

  private mutating func collect(_ regionID: UInt64, _ idle: [IdleSnapshot]) {
    if let peer = addToBatch(regionID) {
      peer.collect(idle)
      return
    }
    for snapshot in idle {
      context.regionTasks.append(.deleteSnapshot(snapshot.key, snapshot.origin))
    }
  }

  private mutating func remove(_ peer: Peer) {
    guard peers[peer.regionID] === peer else { return }
    peers[peer.regionID] = nil
    order.remove(at: position(of: peer.regionID))
    context.metrics.peers.regions.add(-1)
    if let (child, envelopes) = awaited.take(peer.regionID) {
      // A leader that the peer followed was elected: its term is above the one in which children begin.
      begin(child, envelopes, mayHaveConfirmedLease: peer.node.term > BootstrapRegion.term)
    }
  }
}
