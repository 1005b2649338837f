import Codec
import Engine

/// Writes the records of a split: the parent's and those of the children that this store takes over.
///
/// What it writes for a child depends on what this store has of the region, so it may differ between stores.
/// It does not differ for the parent.
struct SplitApplier {
  let engine: any KVEngine
  let meta: StoreMeta

  /// Adds the records to the batch that has the parent's applied index.
  ///
  /// A child's raft state is not among them: its log is in another database and begins when its peer does, or
  /// with the next start of the store (`StoreLoader`).
  ///
  /// - Parameter peerID: the parent's peer on this store.
  /// - Returns: the children in key order.
  func apply(
    _ plan: SplitPlan, peerID: UInt64, _ batch: inout WriteBatch
  ) throws(StoreError) -> [AppliedSplit.Child] {
    guard let place = plan.parent.peers.firstIndex(where: { $0.id == peerID }) else {
      preconditionFailure("peer \(peerID) applies a split of \(plan.parent) without being a member")
    }
    put(plan.parent, &batch)
    var children: [AppliedSplit.Child] = []
    for region in plan.children {
      let refusal = try refusal(of: region, region.peers[place].id)
      children.append(AppliedSplit.Child(region: region, refusal: refusal))
      guard refusal == nil else { continue }
      put(region, &batch)
      batch.put(
        .raft, KeyLayout.applyState(regionID: region.id), BootstrapRegion.applyState.encoded())
    }
    return children
  }

  private func put(_ region: Region, _ batch: inout WriteBatch) {
    batch.put(
      .raft, KeyLayout.regionState(regionID: region.id),
      RegionLocalState(state: .normal, region: region).encoded())
  }

  /// Why this store does not take the region over; nil when it does, and has claimed it.
  private func refusal(of region: Region, _ peerID: UInt64) throws(StoreError) -> String? {
    if case .refused(let reason) = meta.claim(region.id, peerID: peerID) { return reason }
    // A peer that was here before the split, by its record: removed, or about to take a snapshot.
    guard let known = try engine.regionState(region.id) else { return nil }
    meta.withdrawClaim(region.id)
    return "the record of its region says \(known.state)"
  }
}
