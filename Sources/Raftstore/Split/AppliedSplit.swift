package import Codec
package import Engine
package import Runtime

/// A split whose records are durable: what the raft worker of the parent has to do for it.
package struct AppliedSplit: Sendable {
  /// A region that the split has created.
  package struct Child: Sendable {
    package var region: Region
    /// Why this store has no peer of it by this split; nil when it has one.
    package var refusal: String?

    package init(region: Region, refusal: String?) {
      self.region = region
      self.refusal = refusal
    }
  }

  /// The region that was split, as it is afterwards.
  package var parent: Region
  /// In key order.
  package var children: [Child]
  /// Whether each region has an equal share of the parent's size.
  package var sharesSize: Bool
  /// Waits for the split where it was proposed; called with all resulting regions in key order.
  package var completion: Completion<Result<[Region], RegionError>>?

  package init(
    parent: Region, children: [Child], sharesSize: Bool = false,
    completion: Completion<Result<[Region], RegionError>>?
  ) {
    self.parent = parent
    self.children = children
    self.sharesSize = sharesSize
    self.completion = completion
  }

  /// The resulting regions in key order.
  package var regions: [Region] {
    ([parent] + children.map(\.region)).sorted { precedes($0.startKey, $1.startKey) }
  }

  /// Notifies whoever proposed the split that it is done.
  func complete() { completion?(.success(regions)) }
}

/// A region's first peer on this store, created by a split: from the raft worker of the parent to the raft
/// worker of the child. Its records are in the engine and `StoreMeta` has its entry; its log is still empty.
package struct SplitChild: Sendable {
  package var region: Region
  package var info: PeerInfo
  /// The one that `StoreMeta` holds for the region.
  package var delegate: ReadDelegate
  /// The parent's peer on this store leads: the child campaigns at once.
  package var isParentLeader: Bool
  /// Estimated; nil if nothing is known of it.
  package var size: RangeSize?

  package init(
    region: Region, info: PeerInfo, delegate: ReadDelegate, isParentLeader: Bool,
    size: RangeSize? = nil
  ) {
    self.region = region
    self.info = info
    self.delegate = delegate
    self.isParentLeader = isParentLeader
    self.size = size
  }
}
