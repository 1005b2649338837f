import Codec
import Engine

/// Writes the records of the steps of a merge.
struct MergeApplier {
  let engine: any KVEngine

  /// Adds what makes the region one that is merging.
  func prepare(_ source: Region, _ merge: MergeState, _ batch: inout WriteBatch) {
    put(RegionLocalState(state: .merging, region: source, merge: merge), &batch)
  }

  /// Adds what ends the merge of a region that stays.
  func rollBack(_ source: Region, _ batch: inout WriteBatch) {
    put(RegionLocalState(region: source), &batch)
  }

  /// Adds the end of the source and the target's new range to the batch that has the target's applied index: a crash
  /// leaves both or neither. The data stays where it is.
  ///
  /// - Throws: if the records of the source are not those of this merge: replicas would come to differ.
  func commit(
    _ merge: AdminCommand.CommitMerge, _ target: Region, _ merged: Region,
    _ batch: inout WriteBatch
  ) throws(StoreError) {
    let id = merge.source.id
    let known = try engine.regionState(id)
    guard let known, known.state == .merging, known.region == merge.source,
      known.merge?.commit == merge.commit
    else {
      throw .corrupted(
        record: "state of region \(id)",
        reason:
          "it is \(known.map { "\($0.state), \($0.region)" } ?? "missing"), but \(merge.source) "
          + "is merged into \(target)")
    }
    put(RegionLocalState(region: merged), &batch)
    let end = MergeState(
      minIndex: known.merge?.minIndex ?? 0, target: target, commit: merge.commit)
    put(RegionLocalState(state: .tombstone, region: merge.source, merge: end), &batch)
    batch.delete(.raft, KeyLayout.applyState(regionID: id))
    batch.delete(.raft, KeyLayout.snapshotRaftState(regionID: id))
    batch.delete(.raft, KeyLayout.installedEpoch(regionID: id))
  }

  private func put(_ local: RegionLocalState, _ batch: inout WriteBatch) {
    batch.put(.raft, KeyLayout.regionState(regionID: local.region.id), local.encoded())
  }
}
