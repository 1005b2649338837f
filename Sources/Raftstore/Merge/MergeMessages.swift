package import Codec
package import Raft
package import Runtime

/// Has the source's peer on this store apply its log up to the merge and stop: from the apply worker of the target,
/// which waits with the entry that commits the merge.
package struct CatchUpRequest: Sendable {
  /// As the committed merge names it: after its `prepareMerge`.
  package var source: Region
  /// The index of the `prepareMerge`.
  package var commit: UInt64
  /// Entries of the source that this store may lack, up to `commit`.
  package var entries: [Entry]
  package var targetRegionID: UInt64
  package var targetPeerID: UInt64

  package init(_ merge: AdminCommand.CommitMerge, targetRegionID: UInt64, targetPeerID: UInt64) {
    source = merge.source
    commit = merge.commit
    entries = merge.entries
    self.targetRegionID = targetRegionID
    self.targetPeerID = targetPeerID
  }
}

/// The response to a `CatchUpRequest`: everything up to `commit` is written, and nothing of the source is applied any
/// more.
package struct CaughtUpSource: Sendable, Equatable {
  package var sourceRegionID: UInt64
  package var commit: UInt64
  package var targetRegionID: UInt64
  package var targetPeerID: UInt64

  package init(
    sourceRegionID: UInt64, commit: UInt64, targetRegionID: UInt64, targetPeerID: UInt64
  ) {
    self.sourceRegionID = sourceRegionID
    self.commit = commit
    self.targetRegionID = targetRegionID
    self.targetPeerID = targetPeerID
  }
}

/// A merge whose records are durable: what the raft worker of the target has to do for it.
package struct AppliedMerge: Sendable {
  /// The target as it is afterwards.
  package var region: Region
  /// As it was when it ended.
  package var source: Region
  /// Waits for the merge where it was proposed.
  package var completion: Completion<Result<[Region], RegionError>>?

  package init(
    region: Region, source: Region, completion: Completion<Result<[Region], RegionError>>?
  ) {
    self.region = region
    self.source = source
    self.completion = completion
  }

  /// Notifies whoever proposed it that it is done.
  func complete() { completion?(.success([region])) }
}

/// Has a peer whose region was merged elsewhere make way for a snapshot that covers its keys: from the peer that has
/// taken the snapshot, and back as the response that nothing of the source is applied any more.
package struct SourceRelease: Sendable, Equatable {
  package var sourceRegionID: UInt64
  package var targetRegionID: UInt64
  package var targetPeerID: UInt64
}
