import Codec
import Raftstore
import SimulationKit

/// Regions: on each store they do not overlap, together they cover all keys without a gap, what an epoch
/// means never changes, ids are used once, and a peer stays on its store.
///
/// Epochs do not go back while a process runs. After a loss of power the next process may have to apply a
/// change again; a status counts for the process that sent it.
final class RegionChecker: ClusterChecker {
  let name = "regions"

  private struct Epoch: Hashable {
    var region: UInt64
    var epoch: RegionEpoch
  }

  private struct Incarnation: Hashable {
    var store: Int
    var process: UInt64
    var region: UInt64
    var peer: UInt64
  }

  private struct PeerLocation: Hashable {
    var region: UInt64
    var store: UInt64
  }

  /// What each region was at each epoch.
  private var meanings: [Epoch: Region] = [:]
  private var newest: [UInt64: Region] = [:]
  private var epochs: [Incarnation: RegionEpoch] = [:]
  private var locations: [UInt64: PeerLocation] = [:]

  func check(_ view: ClusterView) -> String? {
    if let stray = view.cluster.network.observer.stray { return stray }
    for disk in view.disks {
      let name = disk.store.machine.name
      let held = disk.replicas.compactMap { replica in
        replica.local.flatMap { $0.state == .tombstone ? nil : $0.region }
      }
      // One that starts over owns nothing: its keys may be another region's by now.
      let owners = disk.replicas.compactMap { replica -> Region? in
        guard let local = replica.local, local.state != .tombstone else { return nil }
        return replica.lostIndex == nil || local.state == .applying ? local.region : nil
      }
      if let problem = overlap(owners) { return "on \(name) \(problem)" }
      for region in held {
        if let problem = record(region) { return "on \(name) \(problem)" }
      }
    }
    for (store, status) in view.all where status.region.isInitialized {
      let problem =
        record(status.region)
        ?? regress(status, store, process: view.incarnation(of: store))
      if let problem { return "on \(store.machine.name) \(problem)" }
    }
    return gap()
  }

  private func overlap(_ regions: [Region]) -> String? {
    let sorted = regions.sorted { $0.startKey.lexicographicallyPrecedes($1.startKey) }
    for (left, right) in zip(sorted, sorted.dropFirst())
    where left.range.overlaps(right.range) {
      return "\(left) and \(right) overlap"
    }
    return nil
  }

  /// Takes a region as a replica has it; returns what contradicts the regions known so far.
  private func record(_ region: Region) -> String? {
    let epoch = Epoch(region: region.id, epoch: region.epoch)
    if let known = meanings[epoch] {
      return known == region ? nil : "\(region) is known as \(known)"
    }
    meanings[epoch] = region
    if newest[region.id].map({ $0.epoch.isStale(comparedTo: region.epoch) }) ?? true {
      newest[region.id] = region
    }
    if Set(region.peers.map(\.storeID)).count < region.peers.count {
      return "\(region) has two peers on one store"
    }
    for peer in region.peers {
      let location = PeerLocation(region: region.id, store: peer.storeID)
      if let known = locations[peer.id], known != location {
        return "\(region) has a peer \(peer.id), which is one of region \(known.region) on store "
          + "\(known.store)"
      }
      locations[peer.id] = location
    }
    return nil
  }

  private func regress(
    _ status: RegionStatus, _ store: SimulatedStore, process: UInt64
  ) -> String? {
    let key = Incarnation(
      store: store.number, process: process, region: status.region.id, peer: status.peer.id)
    let before = epochs.updateValue(status.region.epoch, forKey: key)
    guard let before, status.region.epoch.isStale(comparedTo: before) else { return nil }
    return "the epoch of \(status.region) was \(before) before"
  }

  /// All regions as they are newest, end to end. A region all of whose keys are another one's at a later version was
  /// merged into that, or into one before it.
  private func gap() -> String? {
    let known = newest.values.sorted { $0.epoch.version > $1.epoch.version }
    var regions: [Region] = []
    for region in known
    where KeyRange.all.subtracting(regions.map(\.range)).contains(where: region.range.overlaps) {
      regions.append(region)
    }
    regions.sort { $0.startKey.lexicographicallyPrecedes($1.startKey) }
    guard let first = regions.first, let last = regions.last else { return nil }
    if !first.startKey.isEmpty { return "no region has the keys before \(first)" }
    if !last.endKey.isEmpty { return "no region has the keys after \(last)" }
    for (left, right) in zip(regions, regions.dropFirst()) where left.endKey != right.startKey {
      return "\(left) and \(right) do not meet"
    }
    return nil
  }
}
