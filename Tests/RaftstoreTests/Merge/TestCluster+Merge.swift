import Codec
import Engine
import Raftstore
import Runtime
import Testing

// Merges of neighbors.
extension TestCluster {
  /// A cluster of three stores whose keys are in two regions, divided at "m".
  static func divided(
    seed: UInt64 = 1, shards: Int = 4, _ configure: (inout RaftstoreConfig) -> Void = { _ in }
  ) throws -> (cluster: TestCluster, left: Region, right: Region) {
    let cluster = try TestCluster(3, seed: seed) {
      $0.shards = shards
      configure(&$0)
    }
    for key in ["a", "c", "p", "z"] { _ = cluster.putRouted(key, "1") }
    let (node, region) = try #require(cluster.leader(forKey: "m"))
    var split = cluster.makeSplit(["m"], of: region)
    // On another shard, where there are several.
    while shards > 1, split.splits[0].newRegionID % UInt64(shards) == region.id % UInt64(shards) {
      split.splits[0].newRegionID = cluster.pd.nextID
    }
    let done = cluster.start(.batchSplit(split), of: region, on: node)
    _ = cluster.waitFor { done.withLock { $0 != nil } }
    let regions = try #require(try done.withLock { $0 }?.get())
    for key in ["a", "z"] { _ = cluster.putRouted(key, "1") }
    _ = cluster.waitFor { cluster.allStores(hold: regions) }
    return (cluster, regions[0], regions[1])
  }

  /// Begins the merge of `source` into `target` until it is prepared; false if that does not happen.
  func prepareMerge(_ source: Region, into target: Region) -> Bool {
    for _ in 0..<20 {
      guard let node = leader(of: source.id) else {
        run(.milliseconds(100))
        continue
      }
      let done = start(
        .prepareMerge(.init(minIndex: 0, target: target)), of: source, on: node)
      _ = waitFor(.seconds(5)) { done.withLock { $0 != nil } }
      if case .success = done.withLock({ $0 }) { return true }
      run(.milliseconds(100))
    }
    return false
  }

  /// The target after a merge: version and range.
  func merged(_ source: Region, into target: Region) -> Region {
    var region = target
    region.epoch.version = max(source.epoch.version + 1, target.epoch.version) + 1
    if !source.endKey.isEmpty, source.endKey == target.startKey {
      region.startKey = source.startKey
    } else {
      region.endKey = source.endKey
    }
    return region
  }

  /// Whether every running store has only the target of the merge, with all of its range.
  func hasMerged(_ source: Region, into target: Region) -> Bool {
    let region = merged(source, into: target)
    return running.allSatisfy { node in
      node.store?.meta.held(target.id)?.region == region && node.store?.meta.held(source.id) == nil
        && node.engine.record(source.id)?.state == .tombstone && node.status(source.id) == nil
    }
  }
}
