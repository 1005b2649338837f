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
  private var peers: [UInt64: Peer] = [:]
  /// The ids of `peers`, ascending: what is done for all is done in this order.
  private var order: [UInt64] = []
  private var touched: [Peer] = []
  private var randomness: SplitMix64

  /// - Parameters:
  ///   - seeds: the peers found at start.
  ///   - seed: where every random choice of the shard comes from.
  init(context: ShardContext, seeds: [PeerSeed], seed: UInt64) {
    self.context = context
    randomness = SplitMix64(seed: seed)
    for seed in seeds {
      guard let peer = add(seed) else { continue }
      context.meta.set(peer.region, delegate: peer.delegate)
    }
  }

  @discardableResult
  private mutating func add(_ seed: PeerSeed) -> Peer? {
    do throws(StoreError) {
      let peer = try Peer(seed, context, seed: randomness.next())
      peers[seed.region.id] = peer
      let place = order.firstIndex { $0 > seed.region.id } ?? order.endIndex
      order.insert(seed.region.id, at: place)
      context.metrics.regions.add(1)
      return peer
    } catch {
      context.onFatal("region \(seed.region.id) cannot be loaded: \(error)")
      return nil
    }
  }

  mutating func handle(_ batch: [RaftWorkerMessage]) {
    context.beginBatch()
    for message in batch { dispatch(message) }
  }

  mutating func flush() {
    for peer in touched {
      peer.isTouched = false
      peer.flush()
      if peer.life == .gone { forget(peer) }
    }
    touched.removeAll(keepingCapacity: true)
    context.endBatch()
    context.metrics.readySeconds.observe(context.clock.now - context.now)
  }

  mutating func stop() {
    for id in order {
      // What was proposed may still be committed by others: nobody can tell.
      peers[id]?.answerAll(.staleCommand)
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
      guard let peer = touch(id) else {
        request.completion(.failure(.regionNotFound(regionID: id)))
        return
      }
      peer.write(request)
    case .read(let request):
      let id = request.context.regionID
      guard let peer = touch(id) else {
        request.completion(.failure(.regionNotFound(regionID: id)))
        return
      }
      peer.read(request)
    case .admin(let request):
      guard let peer = touch(request.regionID) else {
        request.completion(.failure(.regionNotFound(regionID: request.regionID)))
        return
      }
      peer.administer(request)
    case .tick: tick()
    case .start: start()
    case .resign: for id in order { touch(id)?.resign() }
    case .inspect(let id, let completion): completion(inspect(id))
    case .createPeer(let id, let info, let cause): create(id, info, cause)
    case .collectSnapshots(let id, let idle): collect(id, idle)
    case .storeUnreachable(let storeID):
      for id in order { touch(id)?.unreachable(storeID: storeID) }
    default: report(message)
    }
  }

  /// Answers of other workers. A peer that is gone, or was replaced, does not need them.
  private mutating func report(_ message: RaftWorkerMessage) {
    switch message {
    case .persisted(let id, let peerID, let number, let responses):
      touch(id, peerID)?.persisted(number: number, responses: responses)
    case .applied(let result):
      touch(result.regionID, result.peerID)?.applied(result)
    case .applyStopped(let id, let peerID):
      touch(id, peerID)?.applyStopped()
    case .snapshotGenerated(let id, let peerID, let result):
      touch(id, peerID)?.snapshotGenerated(result)
    case .snapshotInstalled(let id, let peerID, let key, let error):
      touch(id, peerID)?.snapshotInstalled(key: key, error: error)
    case .snapshotSent(let id, let toPeerID, _, let succeeded):
      touch(id)?.snapshotSent(to: toPeerID, succeeded: succeeded)
    case .peerUnreachable(let id, let peerID):
      touch(id)?.unreachable(peerID: peerID)
    case .schedule(let order):
      touch(order.regionID)?.schedule(order)
    case .compactLog(let id):
      touch(id)?.compactSoon()
    case .validated(let id, let peerID, let isMember):
      touch(id, peerID)?.validated(isMember: isMember)
    case .raft, .write, .read, .admin, .tick, .start, .resign, .inspect, .createPeer,
      .collectSnapshots, .storeUnreachable:
      preconditionFailure("a message that is dispatched elsewhere")
    }
  }

  /// The peer of a region, noted for the end of the batch.
  private mutating func touch(_ regionID: UInt64) -> Peer? {
    guard let peer = peers[regionID] else { return nil }
    if !peer.isTouched {
      peer.isTouched = true
      touched.append(peer)
    }
    return peer
  }

  private mutating func touch(_ regionID: UInt64, _ peerID: UInt64) -> Peer? {
    guard peers[regionID]?.info.id == peerID else { return nil }
    return touch(regionID)
  }

  private mutating func tick() {
    var leaderless: Int64 = 0
    for id in order {
      guard let peer = touch(id) else { continue }
      peer.tick()
      if let since = peer.leaderlessSince,
        context.now - since >= context.config.abnormalLeaderMissing
      {
        leaderless += 1
      }
    }
    context.metrics.leaderMissing.set(leaderless)
  }

  private func inspect(_ id: UInt64?) -> [RegionStatus] {
    if let id { return peers[id].map { [$0.status] } ?? [] }
    return order.compactMap { peers[$0]?.status }
  }

  // MARK: Peers come and go

  /// All workers are there: peers may talk to them.
  private mutating func start() {
    for id in order { touch(id)?.begin() }
  }

  private mutating func deliver(_ envelope: RaftEnvelope) {
    if let problem = EnvelopeCheck.problem(of: envelope) {
      return context.refused(envelope, problem)
    }
    guard let peer = touch(envelope.regionID) else {
      guard context.router.sendToStore(.raft(envelope)) else {
        context.metrics.droppedNoPeer.increment()
        return
      }
      return
    }
    peer.step(envelope)
  }

  /// A message made the store worker decide that a peer belongs here. It knows nothing but its name
  /// until a snapshot comes.
  private mutating func create(_ regionID: UInt64, _ info: PeerInfo, _ cause: RaftEnvelope) {
    if peers[regionID] == nil {
      let seed = PeerSeed(
        region: Region(id: regionID), info: info, applyState: ApplyState(),
        unfinishedSnapshot: nil)
      guard let peer = add(seed) else { return }
      context.meta.set(peer.region, delegate: peer.delegate)
      context.logger.info("region \(regionID): \(info) is created by a message")
    }
    deliver(cause)
  }

  private mutating func collect(_ regionID: UInt64, _ idle: [IdleSnapshot]) {
    if let peer = touch(regionID) {
      peer.collect(idle)
      return
    }
    for snapshot in idle {
      context.regionTasks.append(.deleteSnapshot(snapshot.key, snapshot.origin))
    }
  }

  private mutating func forget(_ peer: Peer) {
    guard peers[peer.regionID] === peer else { return }
    peers[peer.regionID] = nil
    order.removeAll { $0 == peer.regionID }
    context.metrics.regions.add(-1)
  }
}
