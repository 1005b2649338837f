import Codec
import Engine
import Raftstore
import Runtime
import SimulationKit

/// A quiescent cluster has no leftovers: each store has the replicas it should have and nothing else,
/// all of them have applied their whole log, and nothing of any snapshot is left.
final class QuiescenceChecker: ClusterChecker {
  let name = "quiescence"

  func check(_ view: ClusterView) -> String? { nil }

  func checkQuiescent(_ view: ClusterView) -> String? {
    for region in view.cluster.newestRegions() {
      if let problem = unequal(region, view) { return problem }
    }
    for disk in view.disks {
      do {
        let problem =
          try leftSnapshots(disk) ?? unexpected(disk, view) ?? leftLogs(disk) ?? leftData(disk)
        if let problem { return "\(disk.store.machine.name): \(problem)" }
      } catch {
        return "\(disk.store.machine.name) cannot be read: \(error)"
      }
    }
    return nil
  }

  private func unequal(_ region: Region, _ view: ClusterView) -> String? {
    guard let leader = view.leader(of: region.id) else { return "\(region) has no leader" }
    if region.isJoint { return "\(region) was left in a joint configuration" }
    let last = leader.status.lastIndex
    for peer in region.peers {
      guard let disk = view.disks.first(where: { $0.storeID == peer.storeID }),
        let replica = disk.replica(region.id), replica.isLive
      else { return "\(peer) of region \(region.id) has no replica" }
      guard let applied = replica.apply?.appliedIndex, applied == last else {
        return "\(peer) of region \(region.id) has applied \(replica.apply?.appliedIndex ?? 0) "
          + "of \(last) entries"
      }
    }
    return nil
  }

  private func leftSnapshots(_ disk: DiskView) throws -> String? {
    let names = try disk.store.disk.files.list("snap").sorted()
    if !names.isEmpty { return "snapshot files are left: \(names.joined(separator: ", "))" }
    guard let statistics = disk.store.snapshots?.statistics else { return "it does not run" }
    let users = [
      statistics.generating, statistics.sending, statistics.receiving, statistics.applying,
    ]
    let isQuiet = users.allSatisfy { $0 == 0 } && statistics.totalSize == 0
    return isQuiet ? nil : "snapshots are counted: \(statistics)"
  }

  private func unexpected(_ disk: DiskView, _ view: ClusterView) -> String? {
    let regions = view.cluster.newestRegions()
    for replica in disk.replicas {
      guard let local = replica.local, local.state != .tombstone else { continue }
      guard let region = regions.first(where: { $0.id == replica.regionID }),
        region.peer(onStore: disk.storeID) != nil
      else { return "it keeps \(local.region), of which it is not a member" }
      if local.region != region { return "it has \(local.region) instead of \(region)" }
    }
    return nil
  }

  /// No log is left of a replica that is gone. What may be is a vote or term without any entry: a peer
  /// that was made by a message and never learnt its region has no record but this. Should the process
  /// restart nothing says whose it is, and it must be kept, for the peer may be asked for its vote
  /// again.
  private func leftLogs(_ disk: DiskView) -> String? {
    for replica in disk.replicas where !replica.isLive {
      guard let log = replica.log, log.lastIndex > 0 else { continue }
      return "the log of region \(replica.regionID) is left, up to \(log.lastIndex)"
    }
    return nil
  }

  /// All user data lies in ranges of regions that are there.
  private func leftData(_ disk: DiskView) throws -> String? {
    let ranges = disk.replicas.filter(\.isLive).compactMap { $0.local?.region.range }
    for gap in KeyRange.all.subtracting(ranges) {
      for family in ColumnFamily.data {
        let left = try disk.engine.scan(
          family, from: gap.start, to: gap.end.isEmpty ? nil : gap.end, limit: 1)
        if let pair = left.first {
          return "data of no region is left: \(String(decoding: pair.key, as: UTF8.self))"
        }
      }
    }
    return nil
  }
}
