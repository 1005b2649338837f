import Codec
import Raftstore
import Runtime
import Testing

/// Writes that depend on a read are proposed only in the term of the read.
@Suite struct RequiredTermTests {
  private func grant(_ cluster: TestCluster, _ node: TestNode) throws -> ReadGrant {
    let response = Shared<Result<ReadGrant, RegionError>?>()
    let store = try #require(node.store)
    store.router.read(
      ReadRequest(
        context: cluster.context(node),
        completion: Completion(abandoned: .failure(.staleCommand)) { result in
          response.withLock { $0 = result }
        }))
    _ = cluster.waitFor { response.withLock { $0 != nil } }
    return try #require(response.withLock { $0 }).get()
  }

  private func write(
    _ cluster: TestCluster, _ node: TestNode, _ value: String, requiring term: UInt64?
  ) throws -> Result<Void, RegionError> {
    let response = Shared<Result<Void, RegionError>?>()
    let store = try #require(node.store)
    let mutation = Mutation.put(cf: .default, key: Array("a".utf8), value: Array(value.utf8))
    store.router.propose(
      WriteRequest(
        context: cluster.context(node), requests: RequestList([mutation]), requiredTerm: term,
        completion: Completion(abandoned: .failure(.staleCommand)) { result in
          response.withLock { $0 = result }
        }))
    _ = cluster.waitFor { response.withLock { $0 != nil } }
    return try #require(response.withLock { $0 })
  }

  @Test func aLeaderWritesWhatItReadInItsTerm() throws {
    let cluster = try TestCluster(3)
    defer { cluster.shutDown() }
    #expect(cluster.put("a", "1"))
    let leader = try #require(cluster.leader)
    let read = try grant(cluster, leader)
    #expect(read.writeTerm == read.term)
    try write(cluster, leader, "2", requiring: read.writeTerm).get()
    #expect(cluster.get("a") == "2")
  }

  /// Another leader has written between the terms, so the old read is out of date.
  @Test func aStoreThatLeadsAgainDoesNot() throws {
    let cluster = try TestCluster(3)
    defer { cluster.shutDown() }
    #expect(cluster.put("a", "1"))
    let leader = try #require(cluster.leader)
    let other = try #require(cluster.nodes.first { $0 !== leader })
    let read = try grant(cluster, leader)
    #expect(cluster.transferLeader(to: other))
    #expect(cluster.put("a", "2"))
    #expect(cluster.transferLeader(to: leader))
    #expect(cluster.get("a") == "2")
    let refused = try write(cluster, leader, "3", requiring: read.writeTerm)
    guard case .failure(.notLeader(cluster.regionID, nil)) = refused else {
      Issue.record("\(refused)")
      return
    }
    #expect(cluster.get("a") == "2")
    try write(cluster, leader, "3", requiring: try grant(cluster, leader).writeTerm).get()
    #expect(cluster.get("a") == "3")
  }

  @Test func aFollowersViewDecidesNoWrite() throws {
    let cluster = try TestCluster(3)
    defer { cluster.shutDown() }
    #expect(cluster.put("a", "1"))
    let leader = try #require(cluster.leader)
    let follower = try #require(cluster.nodes.first { $0 !== leader })
    let response = Shared<Result<ReadGrant, RegionError>?>()
    let store = try #require(follower.store)
    store.router.read(
      ReadRequest(
        context: cluster.context(follower) { $0.replicaRead = true },
        completion: Completion(abandoned: .failure(.staleCommand)) { result in
          response.withLock { $0 = result }
        }))
    _ = cluster.waitFor { response.withLock { $0 != nil } }
    let read = try #require(response.withLock { $0 }).get()
    #expect(read.writeTerm == nil)
  }
}
