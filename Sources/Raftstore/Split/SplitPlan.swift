package import Codec
import Protobuf
import Raft

/// The regions that a split makes of one, as a pure function: the same on every replica.
package struct SplitPlan: Sendable, Equatable {
  /// Why a split cannot be applied; nothing was changed.
  package struct Refusal: Error, Hashable, Sendable {
    package var reason: String
  }

  /// The region that was split: its id, its peers, a part of its range.
  package let parent: Region
  /// The new regions in key order.
  package let children: [Region]
  /// All of them in key order.
  package let regions: [Region]

  /// New regions of one split.
  package static let maxSplits = 1024
  /// Bytes of a split key: below `DataKeySpace.end`, as all keys are.
  private static let maxKeyBytes = DataKeySpace.end.count - 1

  /// Checks the split of `region` and computes its result.
  ///
  /// Every resulting region has the same version: the old one plus the number of new regions.
  package init(_ split: AdminCommand.BatchSplit, of region: Region) throws(Refusal) {
    try Self.checkKeys(split, region)
    try Self.checkIDs(split, region)
    let (version, isOverflowing) = region.epoch.version.addingReportingOverflow(
      UInt64(split.splits.count))
    guard !isOverflowing, version < EnvelopeCheck.maxEpoch else {
      throw Refusal(reason: "the versions of \(region) are used up")
    }
    let bounds = [region.startKey] + split.splits.map(\.key) + [region.endKey]
    let parentPlace = split.rightDerive ? split.splits.count : 0
    var news = split.splits[...]
    var regions: [Region] = []
    for place in 0...split.splits.count {
      var part = region
      part.startKey = bounds[place]
      part.endKey = bounds[place + 1]
      part.epoch.version = version
      if place != parentPlace {
        let new = news.removeFirst()
        part.id = new.newRegionID
        for index in part.peers.indices { part.peers[index].id = new.newPeerIDs[index] }
      }
      regions.append(part)
    }
    self.regions = regions
    parent = regions[parentPlace]
    children = regions.filter { $0.id != region.id }
  }

  private static func checkKeys(
    _ split: AdminCommand.BatchSplit, _ region: Region
  ) throws(Refusal) {
    if split.splits.isEmpty { throw Refusal(reason: "the split of \(region) names no key") }
    guard split.splits.count <= maxSplits else {
      throw Refusal(reason: "\(split.splits.count) new regions, at most \(maxSplits) in one split")
    }
    var last = region.startKey
    for cut in split.splits {
      guard cut.key.count <= maxKeyBytes else {
        throw Refusal(reason: "a split key of \(cut.key.count) bytes is too long")
      }
      guard precedes(last, cut.key) else {
        throw Refusal(reason: "split key \(cut.key.hex) is not above \(last.hex)")
      }
      last = cut.key
    }
    guard region.contains(last) else {
      throw Refusal(reason: "split key \(last.hex) is not inside of \(region)")
    }
  }

  private static func checkIDs(
    _ split: AdminCommand.BatchSplit, _ region: Region
  ) throws(Refusal) {
    var regions: Set<UInt64> = [0, region.id]
    for cut in split.splits {
      guard regions.insert(cut.newRegionID).inserted else {
        throw Refusal(reason: "\(cut.newRegionID) cannot be the id of a new region of \(region)")
      }
      guard cut.newPeerIDs.count == region.peers.count else {
        throw Refusal(
          reason:
            "\(cut.newPeerIDs.count) peer ids for the \(region.peers.count) peers of \(region)")
      }
      var peers: Set<UInt64> = [NodeID.none]
      for id in cut.newPeerIDs {
        guard !NodeID.isThread(id), peers.insert(id).inserted else {
          throw Refusal(reason: "\(id) cannot be the id of a new peer of region \(cut.newRegionID)")
        }
      }
    }
  }
}

extension AdminCommand.BatchSplit {
  /// The split without the keys at which `region` cannot be cut: TiKV's rules for a proposal.
  ///
  /// A key of a version of a row is cut off after the row's key, so that the versions of a row stay in one
  /// region. Keys at or outside of the region's bounds go, and those that are not above the last one. The ids
  /// that belong to dropped keys stay unused.
  package func withoutInvalidKeys(in region: Region) -> AdminCommand.BatchSplit {
    var result = self
    result.splits = []
    for var split in splits {
      split.key = Self.rowKey(split.key)
      let floor = result.splits.last?.key ?? region.startKey
      if precedes(floor, split.key), region.contains(split.key) { result.splits.append(split) }
    }
    return result
  }

  /// The memcomparable encoding that `key` begins with; a key that begins with none as it is.
  private static func rowKey(_ key: [UInt8]) -> [UInt8] {
    do throws(CodecError) {
      return Array(key.prefix(try MemComparable.decodePrefix(key).end))
    } catch {
      return key
    }
  }
}
