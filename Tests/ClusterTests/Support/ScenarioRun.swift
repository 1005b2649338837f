import Codec
import Engine
import PlacementDriver
import Raftstore
import Runtime
import Synchronization
import TestSupport

/// One run of TinyKV's `GenericTest` on a cluster of threads: clients write keys of their own and read them back while
/// the scenario's faults happen; then all must be there, and all replicas must be equal.
struct ScenarioRun {
  /// How much a run does.
  private struct Extent {
    /// Rounds of a scenario whose stores restart.
    var rounds: Int
    /// How long clients call in one round, without and with faults that take their time.
    var calm: Duration
    var faulty: Duration
    /// Milliseconds between two partitions.
    var partition: ClosedRange<Int64>
    /// Puts of all clients in one round, so that regions of a few hundred bytes do not become too many.
    var maxPuts: Int

    /// What every test run has.
    static let short = Extent(
      rounds: 1, calm: .milliseconds(50), faulty: .milliseconds(150), partition: 30...80,
      maxPuts: 40)
    static let long = Extent(
      rounds: 3, calm: .milliseconds(1_000), faulty: .seconds(3), partition: 100...300,
      maxPuts: 240)

    static var current: Extent { GenericScenario.areRunsLong ? long : short }
  }

  private static let splitSize: UInt64 = 200
  private static let maxSize: UInt64 = 300

  let scenario: GenericScenario
  let seed: UInt64
  private let extent = Extent.current

  init(scenario: GenericScenario, seed: UInt64) {
    self.scenario = scenario
    self.seed = seed
  }

  func run() throws {
    try ThreadedCluster.run(5, seed: seed, configure) { cluster in
      let rounds = scenario.restarts ? extent.rounds : 1
      for round in 0..<rounds {
        let counts = try play(cluster, round)
        if scenario.restarts { try cluster.restart() }
        try concurrently(scenario.clients) { client in
          try verify(cluster, client, counts[client])
        }
      }
      try checkEnd(cluster)
    }
  }

  private func configure(_ config: inout RaftstoreConfig) {
    if let maxLog = scenario.maxLog { config.logCompaction.count = maxLog }
    if scenario.splits {
      config.split.size = Self.splitSize
      config.split.maxSize = Self.maxSize
    }
  }

  // MARK: Clients and faults

  /// Lets clients call for a while, and faults happen meanwhile; the number of keys that each client has put.
  private func play(_ cluster: ThreadedCluster, _ round: Int) throws -> [Int] {
    let hasFaults = scenario.isUnreliable || scenario.partitions || scenario.changesMembers
    let end = Wait.now + (hasFaults ? extent.faulty : extent.calm)
    if scenario.isUnreliable {
      cluster.network.setUnreliable(lossPerMille: 100, maxDelay: .milliseconds(10))
    }
    let results = Results(scenario.clients)
    // The threads after the clients' are those of the faults. The first of them heals the network at its end, since
    // clients may succeed only then.
    try concurrently(scenario.clients + 2) { number in
      switch number - scenario.clients {
      case 0:
        try partition(cluster, until: end, seed: seed &+ UInt64(round))
        cluster.network.heal()
      case 1: try changeMembers(cluster, until: end, seed: seed &+ UInt64(round))
      default: results.set(number, try call(cluster, number, until: end))
      }
    }
    if scenario.splits {
      try Wait.until("the first region ends before the last key") {
        try cluster.region(of: "")?.endKey.isEmpty == false
      }
    }
    return results.all
  }

  /// Splits the stores in two at random, again and again.
  private func partition(_ cluster: ThreadedCluster, until end: Instant, seed: UInt64) throws {
    var random = SplitMix64(seed: seed)
    while Wait.now < end {
      if scenario.partitions {
        let one = Set(cluster.stores.map(\.id).filter { _ in random.next() & 1 == 0 })
        cluster.network.partition(one, Set(cluster.stores.map(\.id)).subtracting(one))
      }
      Wait.pause(.milliseconds(Int64.random(in: extent.partition, using: &random)))
    }
  }

  /// Adds or removes a replica of any region on any store, again and again.
  private func changeMembers(_ cluster: ThreadedCluster, until end: Instant, seed: UInt64) throws {
    var random = SplitMix64(seed: seed &* 31)
    while scenario.changesMembers, Wait.now < end {
      if let region = try cluster.pd.regions().randomElement(using: &random)?.region,
        let store = cluster.stores.randomElement(using: &random)?.id
      {
        if region.peer(onStore: store) == nil {
          _ = try cluster.pd.request(.addPeer(store: store), regionID: region.id)
        } else if region.peers.count > 1 {
          _ = try cluster.pd.request(.removePeer(store: store), regionID: region.id)
        }
      }
      Wait.pause(.milliseconds(Int64.random(in: 0...extent.partition.lowerBound, using: &random)))
    }
  }

  /// One client: half of its calls put its next key, the others read all its keys and compare.
  private func call(_ cluster: ThreadedCluster, _ client: Int, until end: Instant) throws -> Int {
    var random = SplitMix64(seed: seed &+ UInt64(client) &* 1_000_003)
    let calls = ClusterClient(cluster, seed: random.next())
    var count = 0
    let most = extent.maxPuts / scenario.clients
    // What is split needs data, however slow the machine is.
    let least = scenario.splits ? most : 0
    repeat {
      if random.next() & 1 == 0, count < most {
        try calls.put(Self.key(client, count), Self.value(client, count))
        count += 1
      } else {
        try requireKeys(calls, client, count)
      }
      Wait.pause(.milliseconds(2))
    } while Wait.now < end || count < least
    return count
  }

  private static func key(_ client: Int, _ number: Int) -> String {
    let digits = String(number)
    return "\(client) " + String(repeating: "0", count: 8 - digits.count) + digits
  }

  private static func value(_ client: Int, _ number: Int) -> String { "x \(client) \(number) y" }

  // MARK: Checks

  /// Fails unless a scan returns exactly the first `count` keys of the client.
  private func requireKeys(_ calls: ClusterClient, _ client: Int, _ count: Int) throws {
    let found = try calls.scan(Self.key(client, 0), Self.key(client, 99_999_999)).map {
      [String(decoding: $0.key, as: UTF8.self), String(decoding: $0.value, as: UTF8.self)]
    }
    let expected = (0..<count).map { [Self.key(client, $0), Self.value(client, $0)] }
    guard found == expected else {
      throw CheckFailure(
        "client \(client) has put \(count) keys and reads \(found.count): \(found)")
    }
  }

  /// All keys of a client are there; then they are deleted and gone.
  private func verify(_ cluster: ThreadedCluster, _ client: Int, _ count: Int) throws {
    let calls = ClusterClient(cluster, seed: seed &+ UInt64(client))
    try requireKeys(calls, client, count)
    for number in 0..<count { try calls.delete(Self.key(client, number)) }
    try requireKeys(calls, client, 0)
  }

  private func checkEnd(_ cluster: ThreadedCluster) throws {
    try ClusterClient(cluster).put("last", "1")
    var reason: String?
    try Wait.until("replicas are equal: \(reason ?? "")") {
      reason = try difference(cluster)
      return reason == nil
    }
    if let maxLog = scenario.maxLog {
      try Wait.until("no log has more than \(2 * maxLog) applied entries") {
        try cluster.pd.regions().allSatisfy { summary in
          try cluster.stores.allSatisfy { store in
            guard let state = try store.applyState(summary.region.id) else { return true }
            return state.appliedIndex - state.truncatedIndex <= 2 * maxLog
          }
        }
      }
    }
  }

  /// In what the replicas of a region differ, or what is missing of the key space; nil if nothing.
  private func difference(_ cluster: ThreadedCluster) throws -> String? {
    let regions = try cluster.pd.regions().map(\.region)
    guard regions.first?.startKey == [], regions.last?.endKey == [],
      zip(regions, regions.dropFirst()).allSatisfy({ $0.endKey == $1.startKey })
    else { return "the regions do not tile the key space: \(regions)" }
    for region in regions {
      var states: [UInt64: (applied: UInt64, pairs: [KeyValue])] = [:]
      for peer in region.peers {
        guard let applied = try cluster.store(peer.storeID).applyState(region.id)?.appliedIndex,
          let engine = cluster.store(peer.storeID).current?.engine
        else { return "store \(peer.storeID) has no replica of \(region)" }
        let end = region.endKey.isEmpty ? nil : region.endKey
        states[peer.storeID] = (
          applied, try engine.scan(.default, from: region.startKey, to: end)
        )
      }
      guard Set(states.values.map(\.applied)).count == 1,
        Set(states.values.map { $0.pairs.map(\.key) }).count == 1
      else { return "\(region): \(states.mapValues { ($0.applied, $0.pairs.count) })" }
    }
    return nil
  }
}

/// The numbers of keys that clients have put.
private final class Results: Sendable {
  private let counts: Mutex<[Int]>

  init(_ count: Int) { counts = Mutex([Int](repeating: 0, count: count)) }

  var all: [Int] { counts.withLock { $0 } }
  func set(_ client: Int, _ count: Int) { counts.withLock { $0[client] = count } }
}
