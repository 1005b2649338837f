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

  /// Found by the simulation: a region waited for ever for a target that had ended by a merge of its own. Every member of
  /// the source looks at the target before that merge and, next, after it.
  @Test func theTargetEndsByAMergeOfItsOwn() throws {
    let (cluster, left, right) = try TestCluster.divided { $0.merge.checkInterval = .seconds(5) }
    defer { cluster.shutDown() }
    let (middle, last) = try Self.divide(right, on: cluster, apartFrom: left)
    let target = try #require(cluster.leader(of: middle.id))
    let source = try #require(cluster.leader(of: left.id))
    for node in cluster.nodes { node.stall("raft-\(middle.id % 4)") }
    // Its own merge is the first that the target's leader proposes.
    let second = cluster.start(
      .prepareMerge(.init(minIndex: 0, target: last)), of: middle, on: target)
    let first = cluster.start(
      .prepareMerge(.init(minIndex: 0, target: middle)), of: left, on: source)
    #expect(
      cluster.waitFor(.seconds(2)) {
        cluster.nodes.allSatisfy { $0.status(left.id)?.peerState == .merging }
      })
    for node in cluster.nodes {
      #expect(node.store?.meta.held(middle.id)?.region == middle)
      node.resume()
    }
    #expect(cluster.waitFor { cluster.hasMerged(middle, into: last) })
    _ = try second.withLock { $0 }?.get()
    var rolledBack = try #require(try first.withLock { $0 }?.get().first)
    rolledBack.epoch.version += 1
    #expect(
      cluster.waitFor(.seconds(20)) {
        cluster.nodes.allSatisfy { $0.store?.meta.held(left.id)?.region == rolledBack }
      })
    for key in ["a", "c", "p", "z"] { #expect(cluster.putRouted(key, "2")) }
  }

  /// Splits `region` at "t" into two parts on two shards, neither of which is that of `other`.
  private static func divide(
    _ region: Region, on cluster: TestCluster, apartFrom other: Region
  ) throws -> (Region, Region) {
    var split = cluster.makeSplit(["t"], of: region)
    while [region.id % 4, other.id % 4].contains(split.splits[0].newRegionID % 4) {
      split.splits[0].newRegionID = cluster.pd.nextID
    }
    let done = cluster.start(
      .batchSplit(split), of: region, on: try #require(cluster.leader(of: region.id)))
    #expect(cluster.waitFor { done.withLock { $0 != nil } })
    let parts = try #require(try done.withLock { $0 }?.get())
    for key in ["p", "z"] { #expect(cluster.putRouted(key, "1")) }
    #expect(cluster.waitFor { cluster.allStores(hold: parts) })
    return (parts[0], parts[1])
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
