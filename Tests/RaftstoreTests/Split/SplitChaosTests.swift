import Codec
import Engine
import Raft
import Raftstore
import Runtime
import Testing

/// Splits while stores crash and restart, links fail and leaders move: no acknowledged write is lost, and in the
/// end all stores hold the same regions.
@Suite struct SplitChaosTests {
  @Test(arguments: 1...12 as ClosedRange<UInt64>, [1, 4])
  func splitsSurviveFaults(seed: UInt64, shards: Int) throws {
    let cluster = try TestCluster(3, seed: seed) { config in
      config.shards = shards
      config.logCompaction.interval = .milliseconds(700)
      config.logCompaction.count = 40
      config.logCompaction.threshold = 5
    }
    defer { cluster.shutDown() }
    var chaos = Chaos(cluster: cluster, seed: seed)
    try chaos.run(steps: 60)
    try chaos.check()
  }

  private struct Chaos {
    let cluster: TestCluster
    var random: SplitMix64
    /// What each key may hold: one value, or several while the outcome of a write is unknown.
    private var possible: [String: Set<String?>] = [:]
    private var splits: [Shared<Result<[Region], RegionError>?>] = []
    private var counter = 0

    init(cluster: TestCluster, seed: UInt64) {
      self.cluster = cluster
      random = SplitMix64(seed: seed &* 7919)
    }

    mutating func run(steps: Int) throws {
      for _ in 0..<steps {
        for _ in 0..<4 { write() }
        try fault()
        cluster.run(.milliseconds(Int64.random(in: 0...300, using: &random)))
      }
    }

    private mutating func key() -> String { "k\(Int.random(in: 100..<300, using: &random))" }

    private mutating func fault() throws {
      switch Int.random(in: 0..<9, using: &random) {
      case 0...3: split()
      case 4: try restart(machine: true)
      case 5: try restart(machine: false)
      case 6: cluster.network.isolate(cluster.nodes.randomElement(using: &random)?.id ?? 0)
      case 7: transfer()
      default: cluster.network.clearFilters()
      }
    }

    private mutating func split() {
      guard let (leader, region) = cluster.leader(forKey: key()) else { return }
      let keys = Set((0..<Int.random(in: 1...3, using: &random)).map { _ in key() }).sorted()
      let split = cluster.makeSplit(keys, of: region, rightDerive: .random(using: &random))
      splits.append(cluster.start(.batchSplit(split), of: region, on: leader))
    }

    /// At most one store is down, and not for long.
    private mutating func restart(machine: Bool) throws {
      guard let node = cluster.nodes.randomElement(using: &random) else { return }
      if machine { node.crash() } else { node.kill() }
      cluster.run(.milliseconds(Int64.random(in: 0...600, using: &random)))
      try node.start()
    }

    private mutating func transfer() {
      guard let (leader, region) = cluster.leader(forKey: key()),
        let peer = region.peers.randomElement(using: &random)
      else { return }
      _ = cluster.start(.transferLeader(peer: peer, candidates: []), of: region, on: leader)
    }

    private mutating func write() {
      let key = key()
      counter += 1
      let value = "v\(counter)"
      guard let (leader, region) = cluster.leader(forKey: key) else { return }
      let answer = cluster.send(
        [.put(cf: .default, key: Array(key.utf8), value: Array(value.utf8))], to: leader,
        cluster.context(leader, of: region.id))
      _ = cluster.waitFor(.milliseconds(Int64.random(in: 0...300, using: &random))) {
        answer.withLock { $0 != nil }
      }
      switch answer.withLock({ $0 }) {
      case .success: possible[key] = [value]
      case .failure(.staleCommand), nil: possible[key, default: [nil]].insert(value)
      case .failure: break
      }
    }

    func check() throws {
      cluster.network.clearFilters()
      let tiles = {
        guard let first = cluster.nodes[0].store?.meta.regions else { return false }
        return first.first?.startKey == [] && first.last?.endKey == []
          && zip(first, first.dropFirst()).allSatisfy { $0.endKey == $1.startKey }
          && cluster.nodes.allSatisfy { $0.store?.meta.regions == first }
          && first.allSatisfy { cluster.leader(of: $0.id) != nil }
      }
      #expect(cluster.waitFor(.seconds(60), tiles))
      #expect(cluster.nodes[0].store?.meta.count ?? 0 > 3)
      for (key, values) in possible.sorted(by: { $0.key < $1.key }) {
        let value = cluster.getRouted(key)
        #expect(values.contains(value), "\(key) is \(value ?? "nothing"), not one of \(values)")
        #expect(cluster.waitFor { cluster.nodes.allSatisfy { $0.value(key) == value } })
      }
      for node in cluster.nodes { #expect(node.fatalReasons.isEmpty) }
    }
  }
}
