import Codec
import Engine
import SimulationKit

/// Replicas of a region that have applied the same entries have the same data, whenever and wherever
/// that was.
///
/// The engine writes what is applied and how far in one batch, so a snapshot of it is consistent. Left
/// out is a replica whose snapshot is being applied, with the region marked as *applying* until all
/// of it is there, and what a removed one has left, under a tombstone. Only
/// replicas at an index where another one was seen, or is, are read; when quiescent all, every byte.
final class StateMachineSafetyChecker: ClusterChecker {
  let name = "state-machine-safety"

  private struct Point: Hashable {
    var region: UInt64
    var applied: UInt64
  }

  private struct ReplicaLocation: Hashable {
    var store: Int
    var region: UInt64
  }

  /// Up to where the data of a replica was read, and of which process.
  private struct ReadPosition: Equatable {
    var incarnation: UInt64
    var generation: Int
    var applied: UInt64
  }

  private struct Finding {
    var digest: UInt64
    var store: String
  }

  private var findings: [Point: Finding] = [:]
  private var positions: [ReplicaLocation: ReadPosition] = [:]

  func check(_ view: ClusterView) -> String? { compare(view, isThorough: false) }

  func checkQuiescent(_ view: ClusterView) -> String? {
    // Digests of every byte differ from those of prefixes.
    (findings, positions) = ([:], [:])
    defer { (findings, positions) = ([:], [:]) }
    return compare(view, isThorough: true)
  }

  private func compare(_ view: ClusterView, isThorough: Bool) -> String? {
    var present: [Point: Int] = [:]
    for disk in view.disks {
      for replica in disk.replicas where replica.isLive {
        present[point(replica), default: 0] += 1
      }
    }
    for disk in view.disks {
      for replica in disk.replicas where replica.isLive {
        let point = point(replica)
        guard findings[point] != nil || present[point] ?? 0 > 1 else { continue }
        if let problem = compare(replica, point, disk, isThorough) { return problem }
      }
    }
    return nil
  }

  private func point(_ replica: DiskView.Replica) -> Point {
    Point(region: replica.regionID, applied: replica.apply?.appliedIndex ?? 0)
  }

  private func compare(
    _ replica: DiskView.Replica, _ point: Point, _ disk: DiskView, _ isThorough: Bool
  ) -> String? {
    let location = ReplicaLocation(store: disk.store.number, region: point.region)
    let position = ReadPosition(
      incarnation: disk.store.machine.incarnation, generation: disk.store.disk.generation,
      applied: point.applied)
    if positions[location] == position { return nil }
    positions[location] = position
    guard let range = replica.local?.region.range else { return nil }
    let who = disk.store.machine.name
    do throws(EngineError) {
      let digest = try self.digest(range, disk.engine, isThorough)
      guard let known = findings[point] else {
        findings[point] = Finding(digest: digest, store: who)
        return nil
      }
      guard known.digest != digest else { return nil }
      return "region \(point.region) at index \(point.applied) has other data on \(who) than on "
        + "\(known.store)"
    } catch {
      return "the data of \(who) cannot be read: \(error)"
    }
  }

  private func digest(
    _ range: KeyRange, _ engine: any KVSnapshot, _ isThorough: Bool
  ) throws(EngineError) -> UInt64 {
    var digest = Digest()
    for family in ColumnFamily.data {
      let cursor = try engine.cursor(
        family, from: range.start, to: range.end.isEmpty ? nil : range.end, fillCache: false)
      cursor.seekToFirst()
      while cursor.isValid {
        let (key, value) = (cursor.key, cursor.value)
        // What a fault has added is found by the cluster, not by this checker, until all is quiet.
        if !isThorough, DataAlteration.isAltered(key) {
          cursor.next()
          continue
        }
        digest.add(key)
        digest.add(UInt64(value.count))
        // Values differ in their first bytes.
        digest.add(isThorough ? value[...] : value.prefix(32))
        cursor.next()
      }
      try cursor.finish()
      digest.add(UInt64(family.rawValue))
    }
    return digest.value
  }
}
