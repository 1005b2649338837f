import Codec
import Engine
import Raft
import Runtime
import SimulationKit
import Testing

@testable import Raftstore

/// Merges that come to nothing.
@Suite struct MergeRollbackTests {
  /// The target is split while the merge is prepared: versions grow by one for each step.
  @Test func theTargetMovesOn() throws {
    let (cluster, left, right) = try TestCluster.divided { $0.merge.checkInterval = .seconds(1) }
    defer { cluster.shutDown() }
    let target = try #require(cluster.leader(of: right.id))
    let split = cluster.start(
      .batchSplit(cluster.makeSplit(["t"], of: right)), of: right, on: target)
    // Both are proposed: the split is first in the target's log.
    let source = try #require(cluster.leader(of: left.id))
    let merge = cluster.start(
      .prepareMerge(.init(minIndex: 0, target: right)), of: left, on: source)
    #expect(cluster.waitFor { merge.withLock { $0 != nil } && split.withLock { $0 != nil } })
    let prepared = try #require(try merge.withLock { $0 }?.get().first)
    #expect(prepared.epoch.version == left.epoch.version + 1)
    #expect(prepared.epoch.confVersion == left.epoch.confVersion + 1)
    var rolledBack = prepared
    rolledBack.epoch.version += 1
    #expect(
      cluster.waitFor {
        cluster.nodes.allSatisfy { $0.store?.meta.held(left.id)?.region == rolledBack }
      })
    for node in cluster.nodes {
      #expect(node.engine.record(left.id) == RegionLocalState(region: rolledBack))
      #expect(node.fatalReasons.isEmpty)
    }
    for key in ["a", "c", "p", "z"] { #expect(cluster.putRouted(key, "2")) }
    for key in ["a", "c", "p", "z"] { #expect(cluster.getRouted(key) == "2") }
    // A second attempt, with the neighbor as it is.
    let (_, neighbor) = try #require(cluster.leader(forKey: "p"))
    #expect(cluster.prepareMerge(rolledBack, into: neighbor))
    #expect(cluster.waitFor { cluster.hasMerged(rolledBack, into: neighbor) })
  }

  /// One store alone that has seen the target change does not bring about a rollback.
  @Test func oneVoteIsNotEnough() throws {
    let region = Region(
      id: 1, epoch: RegionEpoch(confVersion: 1, version: 1),
      peers: [1, 2, 3].map { PeerInfo(id: $0, storeID: $0) })
    var votes = RollbackVotes()
    votes.add(1, isCertain: true)
    #expect(!votes.isDecided(in: region))
    votes.add(1, isCertain: true)
    votes.add(9, isCertain: true)
    #expect(!votes.isDecided(in: region))
    votes.add(2, isCertain: false)
    #expect(votes.isDecided(in: region))
  }

  /// What snapshots have changed may have been the merge itself.
  @Test func uncertainVotesAreNotEnough() throws {
    let region = Region(
      id: 1, epoch: RegionEpoch(confVersion: 1, version: 1),
      peers: [1, 2, 3].map { PeerInfo(id: $0, storeID: $0) })
    var votes = RollbackVotes()
    for id in [1, 2, 3] as [UInt64] { votes.add(id, isCertain: false) }
    #expect(!votes.isDecided(in: region))
    votes.add(3, isCertain: true)
    #expect(votes.isDecided(in: region))
    // It stays certain.
    votes.add(3, isCertain: false)
    #expect(votes.isDecided(in: region))
  }
}
