import Codec
import Engine
import Raftstore
import Runtime
import SimulationKit

/// A pair that is added to one replica's data below everything that could notice it: no read fails. Clients do not read
/// the family it is in, so that only the comparison of replicas can find it.
struct DataAlteration {
  /// The family that no workload uses.
  private static let family = ColumnFamily.write
  private static let marker: [UInt8] = [0] + Array("altered".utf8)

  /// Whether a key is one that a fault has added.
  static func isAltered(_ key: [UInt8]) -> Bool {
    key.count >= marker.count && key[(key.count - marker.count)...].elementsEqual(marker)
  }

  /// Behind the first key of a region, and before every other that a region begins with.
  private let key: [UInt8]

  /// Alters the data of a replica that does not lead.
  ///
  /// - Returns: nil if there is no such replica.
  static func inject(
    _ fault: PlannedFault, _ view: ClusterView
  ) -> (alteration: DataAlteration, store: SimulatedStore)? {
    let regions = view.cluster.newestRegions()
    guard !regions.isEmpty else { return nil }
    let region = regions[Int(fault.randomValues[1] % UInt64(regions.count))]
    let followers = region.peers.filter {
      $0.role == .voter && $0.id != view.leader(of: region.id)?.status.peer.id
    }
    guard !followers.isEmpty else { return nil }
    let peer = followers[Int(fault.randomValues[2] % UInt64(followers.count))]
    guard let store = view.cluster.store(id: peer.storeID) else { return nil }
    let alteration = DataAlteration(key: region.startKey + marker)
    do throws(EngineError) {
      var batch = WriteBatch()
      batch.put(family, alteration.key, [UInt8(truncatingIfNeeded: fault.number)])
      try store.disk.engine.write(batch, .synced)
    } catch {
      preconditionFailure("a disk below its faults cannot be written: \(error)")
    }
    return (alteration, store)
  }

  /// Whether all replicas have the same again: they have lost it, or all have it, from a snapshot of the altered one.
  func isSettled(_ view: ClusterView) -> Bool {
    do {
      var found: Set<[UInt8]?> = []
      for disk in view.disks {
        let isReplica = disk.replicas.contains { replica in
          replica.local?.state == .normal && replica.local?.region.contains(key) == true
        }
        if isReplica { found.insert(try disk.engine.get(Self.family, key)) }
      }
      return found.count == 1
    } catch {
      preconditionFailure("a disk below its faults cannot be read: \(error)")
    }
  }
}
