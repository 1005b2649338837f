import Codec
import Raft
import Raftstore
import Runtime
import Testing

/// Everything at once: writes under partitions, losses, crashes, membership changes and compaction. What
/// was acknowledged must be there, what is there must have been asked for, and replicas must agree.
@Suite struct ChaosTests {
  @Test(arguments: 1...12 as ClosedRange<UInt64>)
  func nothingAcknowledgedIsLost(seed: UInt64) throws {
    let cluster = try TestCluster(5, replicas: 3, seed: seed) { config in
      config.logCompaction.interval = .milliseconds(700)
      config.logCompaction.count = 30
      config.logCompaction.threshold = 5
    }
    defer { cluster.shutDown() }
    var chaos = Chaos(cluster, seed: seed)
    for _ in 0..<30 { try chaos.round() }
    try chaos.heal()
    chaos.check()
  }
}

/// One run of trouble over a cluster, and what its clients know.
private struct Chaos {
  let cluster: TestCluster
  var random: SplitMix64
  /// For each key the values that may be its last: the acknowledged one and those whose end is open.
  var possible: [String: [String]] = [:]
  var counter = 0

  init(_ cluster: TestCluster, seed: UInt64) {
    self.cluster = cluster
    random = SplitMix64(seed: seed &* 77)
  }

  mutating func round() throws {
    try trouble()
    for _ in 0..<Int.random(in: 1...6, using: &random) { write() }
    cluster.run(.milliseconds(Int.random(in: 0...300, using: &random)))
    read()
  }

  private mutating func trouble() throws {
    let node = cluster.nodes[Int.random(in: 0..<cluster.nodes.count, using: &random)]
    switch Int.random(in: 0..<10, using: &random) {
    case 0: node.kill()
    case 1: node.crash()
    case 2, 3:
      for node in cluster.nodes where node.store == nil { try node.start() }
    case 4:
      if node.store != nil { cluster.network.isolate(node.id) }
    case 5:
      let lossy = Shared<SplitMix64>(SplitMix64(seed: random.next()))
      cluster.network.add { _ in lossy.withLock { Int.random(in: 0..<10, using: &$0) > 0 } }
    case 6, 7: cluster.network.clearFilters()
    case 8: changeMembers(node)
    default:
      if let leader = cluster.leader,
        let peer = leader.status(cluster.regionID)?.region.peers
          .randomElement(using: &random)
      {
        start(.transferLeader(peer: peer, candidates: []), on: leader)
      }
    }
  }

  private mutating func changeMembers(_ node: TestNode) {
    guard node.store != nil, let leader = cluster.leader,
      let region = leader.status(cluster.regionID)?.region
    else { return }
    let change: AdminCommand.PeerChange
    if let peer = region.peer(onStore: node.id) {
      guard region.peers.count > 3 else { return }
      change = AdminCommand.PeerChange(type: .removeNode, peer: peer)
    } else {
      change = AdminCommand.PeerChange(
        type: .addNode, peer: PeerInfo(id: cluster.pd.nextID, storeID: node.id))
    }
    start(.changePeer(change), on: leader)
  }

  private func start(_ command: AdminCommand, on node: TestNode) {
    guard let status = node.status(cluster.regionID) else { return }
    node.store?.router.proposeAdmin(
      AdminRequest(
        regionID: cluster.regionID, epoch: status.region.epoch, command: command,
        completion: Completion(abandoned: .failure(.staleCommand)) { _ in }))
  }

  private mutating func write() {
    let running = cluster.running
    guard !running.isEmpty else { return }
    let node =
      Bool.random(using: &random)
      ? cluster.leader ?? running[0] : running[Int.random(in: 0..<running.count, using: &random)]
    counter += 1
    let key = "k\(Int.random(in: 0..<8, using: &random))"
    let value = "v\(counter)"
    let answer = cluster.send(
      [.put(cf: .default, key: Array(key.utf8), value: Array(value.utf8))], to: node,
      cluster.context(node))
    _ = cluster.waitFor(.milliseconds(Int.random(in: 0...800, using: &random))) {
      answer.withLock { $0 != nil }
    }
    switch answer.withLock({ $0 }) {
    case .success: possible[key] = [value]
    case .failure(.staleCommand), nil: possible[key, default: [""]].append(value)
    case .failure: break
    }
  }

  private mutating func read() {
    guard let leader = cluster.leader else { return }
    let key = "k\(Int.random(in: 0..<8, using: &random))"
    guard case .success(let value) = cluster.read(key, from: leader) else { return }
    #expect(
      possible[key, default: [""]].contains(value ?? ""),
      "\(key) is \(value ?? "nil"), not one of \(possible[key, default: [""]])")
  }

  mutating func heal() throws {
    cluster.network.clearFilters()
    for node in cluster.nodes where node.store == nil { try node.start() }
    #expect(cluster.put("last", "1"))
  }

  func check() {
    for node in cluster.nodes { #expect(node.fatalReasons == []) }
    guard let region = cluster.region else {
      Issue.record("no leader in the end")
      return
    }
    let members = cluster.nodes.filter { region.peer(onStore: $0.id) != nil }
    #expect(
      cluster.waitFor(.seconds(60)) { members.allSatisfy { $0.value("last") == "1" } },
      "a member does not catch up")
    for key in possible.keys.sorted() {
      let values = Set(members.map { $0.value(key) ?? "" })
      #expect(values.count == 1, "\(key) differs: \(values)")
      #expect(possible[key, default: []].contains(values.first ?? ""), "\(key) is \(values)")
    }
  }
}
