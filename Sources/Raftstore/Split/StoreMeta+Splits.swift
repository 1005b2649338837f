import Codec
import Synchronization

/// Whether this store takes over a region that a split has created.
enum ChildClaim: Equatable {
  case granted
  /// The store has, or had, a peer of the region that this split did not create.
  case refused(String)
}

// Regions that splits create, between the apply worker that writes their records and the raft worker that
// owns their peers. Raft messages may create peers of the same regions at the same time.
extension StoreMeta {
  /// Reserves a region for the split that is being applied: from now on no message creates a peer of it and
  /// no snapshot is taken for it, until `update` records it.
  ///
  /// An uninitialized peer of the same id that a message has created is replaced: it holds nothing but its
  /// vote. Any other peer excludes the child from this store.
  func claim(_ regionID: UInt64, peerID: UInt64) -> ChildClaim {
    state.withLock { state in
      if let other = state.claims[regionID] {
        return .refused("an earlier split has created its peer \(other)")
      }
      if let held = state.held[regionID] {
        if held.region.isInitialized { return .refused("its peer \(held.delegate.peerID) exists") }
        if held.delegate.peerID != peerID {
          return .refused("a message has created its peer \(held.delegate.peerID)")
        }
        if state.reserved[regionID] != nil { return .refused("its peer is taking a snapshot") }
      }
      state.claims[regionID] = peerID
      return .granted
    }
  }

  /// Gives up a claim: the split does not create the region here.
  func withdrawClaim(_ regionID: UInt64) {
    state.withLock { $0.claims[regionID] = nil }
  }

  /// Whether a split has created the region although its peer has not received it yet.
  func isCreatedBySplit(_ regionID: UInt64) -> Bool {
    state.withLock { state in
      state.claims[regionID] != nil || state.held[regionID]?.region.isInitialized == true
    }
  }

  /// The region as it is, followed by those that may have been split off it since version `version`: what a
  /// client needs to correct its routes.
  ///
  /// Neighbors are searched on the side on which splits leave new regions. A region of a still higher version
  /// was itself split, so that more neighbors count. At most `maxNeighbors` of them.
  func currentRegions(of region: Region, since version: UInt64, rightDerive: Bool) -> [Region] {
    guard version < region.epoch.version else { return [region] }
    let table = table
    let candidates =
      rightDerive
      ? table.preceding(region.startKey, limit: Self.maxNeighbors)
      : table.following(region.startKey, limit: Self.maxNeighbors)
    var wanted = region.epoch.version - version
    var found: [Region] = [region]
    for candidate in candidates {
      guard UInt64(found.count) <= wanted else { break }
      found.append(candidate)
      if candidate.epoch.version > version {
        wanted = max(wanted, candidate.epoch.version - version)
      }
    }
    return found
  }

  private static let maxNeighbors = 10
}
