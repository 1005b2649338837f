import Codec
import Engine
import Raft
import Raftstore
import Runtime
import SimulationKit

/// A cluster in one thread: bootstrapped by its first store, grown by membership changes, driven by a
/// client that follows errors as real ones do.
final class TestCluster {
  private let scheduler: SimulationScheduler
  let network = TestNetwork()
  let pd = StubPD()
  private(set) var nodes: [TestNode] = []
  /// The first region's id.
  private(set) var regionID: UInt64 = 0

  /// - Parameters:
  ///   - stores: how many start.
  ///   - replicas: how many of them the first region is put on.
  ///   - readGuard: of all stores.
  init(
    _ stores: Int, replicas: Int? = nil, seed: UInt64 = 1, readGuard: (any ReadGuard)? = nil,
    _ configure: (inout RaftstoreConfig) -> Void = { _ in }
  ) throws {
    scheduler = SimulationScheduler(seed: seed)
    var config = RaftstoreConfig()
    config.logCompaction.interval = .seconds(3600)
    // Stores that ask each other about leaders send more than a test counts on.
    config.reads.safeTS.isEnabled = false
    configure(&config)
    let carrier = SimulatedNetwork(scheduler: scheduler)
    let directory = StoreDirectory()
    for number in 1...stores {
      let node = try TestNode(
        number, network: carrier, directory: directory, filters: network, pd: pd, config: config,
        seed: seed, readGuard: readGuard)
      nodes.append(node)
      try node.start()
    }
    regionID = pd.state.withLock { $0.bootstrapRegion?.id ?? 0 }
    precondition(
      waitFor(.seconds(5)) { self.leader != nil }, "nobody leads the first region")
    for node in nodes[1..<(replicas ?? stores)] { addPeer(on: node) }
  }

  /// Run before a test ends, so that no one is left waiting.
  func shutDown() {
    for node in nodes { node.stop() }
    scheduler.discardAll()
  }

  // MARK: Time

  var now: Instant { scheduler.now }

  /// Lets `duration` pass.
  func run(_ duration: Duration) { scheduler.run(until: now + duration) }

  /// Lets time pass until `condition` holds, at most `limit`; whether it does in the end.
  func waitFor(_ limit: Duration = .seconds(20), _ condition: () -> Bool) -> Bool {
    let end = now + limit
    while !condition() {
      guard now < end else { return false }
      run(.milliseconds(10))
    }
    return true
  }

  // MARK: Looking

  var running: [TestNode] { nodes.filter { $0.store != nil } }

  func node(store id: UInt64) -> TestNode? { nodes.first { $0.id == id } }

  /// The leader of the highest term that has applied an entry of it.
  var leader: TestNode? { leader(of: regionID) }

  func leader(of regionID: UInt64) -> TestNode? {
    var best: (TestNode, UInt64)?
    for node in running {
      guard let status = node.status(regionID), status.role == .leader else { continue }
      if best == nil || status.term > best?.1 ?? 0 { best = (node, status.term) }
    }
    return best?.0
  }

  var region: Region? { leader?.status(regionID)?.region }

  func peer(on node: TestNode) -> PeerInfo? { region?.peer(onStore: node.id) }

  // MARK: Membership

  @discardableResult
  func addPeer(on node: TestNode, as type: AdminCommand.ChangeType = .addNode) -> PeerInfo {
    let peer = PeerInfo(id: pd.nextID, storeID: node.id)
    precondition(
      change(type, peer) { $0.peer(id: peer.id) != nil }, "\(peer) was not added")
    let isThere = waitFor {
      guard let leader = self.leader, let status = leader.status(self.regionID) else {
        return false
      }
      let match = status.progress.first { $0.peerID == peer.id }?.match ?? 0
      return match + 1 >= status.lastIndex && node.status(self.regionID)?.applied ?? 0 > 0
    }
    precondition(isThere, "\(peer) did not catch up")
    return peer
  }

  func removePeer(on node: TestNode) {
    guard let peer = region?.peer(onStore: node.id) else { return }
    precondition(
      change(.removeNode, peer) { $0.peer(id: peer.id) == nil }, "\(peer) was not removed")
  }

  /// Asks for a change until it is made.
  func change(
    _ type: AdminCommand.ChangeType, _ peer: PeerInfo, until done: (Region) -> Bool
  ) -> Bool {
    var named = peer
    named.role = type == .addLearnerNode ? .learner : type == .addNode ? .voter : peer.role
    let command = AdminCommand.changePeer(AdminCommand.PeerChange(type: type, peer: named))
    for _ in 0..<50 {
      if let region, done(region) { return true }
      _ = proposeAdmin(command)
      run(.milliseconds(100))
    }
    return false
  }

  func proposeAdmin(_ command: AdminCommand, epoch: RegionEpoch? = nil) -> Result<
    Region, RegionError
  >? {
    guard let leader, let status = leader.status(regionID) else { return nil }
    return proposeAdmin(command, epoch: epoch ?? status.region.epoch, on: leader)
  }

  func proposeAdmin(
    _ command: AdminCommand, epoch: RegionEpoch, on node: TestNode
  ) -> Result<Region, RegionError>? {
    let answer = Shared<Result<Region, RegionError>?>()
    node.store?.router.proposeAdmin(
      AdminRequest(
        regionID: regionID, epoch: epoch, command: command,
        completion: Completion(abandoned: .failure(.staleCommand)) { result in
          answer.withLock { $0 = result.map { $0[0] } }
        }))
    _ = waitFor(.seconds(2)) { answer.withLock { $0 != nil } }
    return answer.withLock { $0 }
  }

  func transferLeader(to node: TestNode) -> Bool {
    for _ in 0..<50 {
      if leader === node { return true }
      guard let peer = peer(on: node) else { return false }
      _ = proposeAdmin(.transferLeader(peer: peer, candidates: []))
      run(.milliseconds(200))
    }
    return false
  }
}
