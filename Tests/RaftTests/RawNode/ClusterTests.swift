import Testing

@testable import Raft

/// rafttest: clusters that lose messages, restart and pause, on virtual time.
@Suite struct ClusterTests {
  /// Proposes through whoever leads until `count` proposals were taken.
  private func propose(_ cluster: SimulatedCluster, _ count: Int, _ label: String) throws {
    var taken = 0
    for _ in 0..<5000 where taken < count {
      if let leader = cluster.leader, (try? leader.raw.propose(bytes("\(label)\(taken)"))) != nil {
        taken += 1
      }
      try cluster.run(1)
    }
    #expect(taken == count)
  }

  /// Runs until all nodes have applied the same, and checks that they agree on the way.
  private func converge(_ cluster: SimulatedCluster, atLeast count: Int) throws {
    cluster.lossPerMille = 0
    for _ in 0..<3000 {
      try cluster.run(1)
      let lengths = cluster.members.map(\.applied.count)
      if lengths.allSatisfy({ $0 == lengths[0] && $0 >= count }) { break }
    }
    let logs = cluster.members.map(\.applied)
    #expect(logs[0].count >= count)
    for log in logs { #expect(log == logs[0]) }
  }

  @Test(arguments: [UInt64](1...5)) func testBasicProgress(_ seed: UInt64) throws {
    let cluster = try SimulatedCluster(5, seed: seed)
    try propose(cluster, 100, "p")
    try converge(cluster, atLeast: 100)
  }

  @Test(arguments: [UInt64](1...5)) func testNetworkDrop(_ seed: UInt64) throws {
    let cluster = try SimulatedCluster(5, seed: seed) { $0.checkQuorum = true }
    cluster.lossPerMille = 100
    try propose(cluster, 100, "p")
    // A proposal may be lost with its leader.
    try converge(cluster, atLeast: 50)
  }

  @Test(arguments: [UInt64](1...5)) func testNetworkDelay(_ seed: UInt64) throws {
    let cluster = try SimulatedCluster(5, seed: seed) { $0.preVote = true }
    cluster.maxDelay = 3
    try propose(cluster, 100, "p")
    try converge(cluster, atLeast: 50)
  }

  @Test(arguments: [UInt64](1...5)) func testRestart(_ seed: UInt64) throws {
    let cluster = try SimulatedCluster(5, seed: seed) {
      $0.preVote = true
      $0.checkQuorum = true
    }
    try propose(cluster, 30, "a")
    cluster.stop(1)
    try propose(cluster, 30, "b")
    cluster.stop(3)
    try propose(cluster, 30, "c")
    try cluster.restart(1)
    try propose(cluster, 30, "d")
    try cluster.restart(3)
    try converge(cluster, atLeast: 60)
  }

  @Test(arguments: [UInt64](1...5)) func testPause(_ seed: UInt64) throws {
    let cluster = try SimulatedCluster(5, seed: seed)
    try propose(cluster, 30, "a")
    cluster[1].isPaused = true
    try propose(cluster, 30, "b")
    cluster[2].isPaused = true
    try propose(cluster, 30, "c")
    cluster[1].isPaused = false
    cluster[2].isPaused = false
    try propose(cluster, 30, "d")
    try converge(cluster, atLeast: 60)
  }

  @Test func sameSeedSameRun() throws {
    func run() throws -> [[UInt8]] {
      let cluster = try SimulatedCluster(3, seed: 42)
      cluster.lossPerMille = 150
      try propose(cluster, 50, "p")
      return cluster.members.flatMap { [[UInt8]($0.raw.term.description.utf8)] + $0.applied }
    }
    #expect(try run() == run())
  }
}
