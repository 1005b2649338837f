import Codec
import Engine

/// Replicas of a region that have applied the same entries have the same data, whenever and wherever
/// that was.
///
/// The engine writes what is applied and how far in one batch, so a snapshot of it is consistent. Left
/// out is a replica whose snapshot is being applied, with the region marked as *applying* until all
/// of it is there, and what a removed one has left, with a tombstone in the region's place. Only
/// replicas at an index where another one was seen, or is, are read; at rest all, every byte.
final class StateMachineSafetyChecker: ClusterChecker {
  let name = "replicas"

  private struct Point: Hashable {
    var region: UInt64
    var applied: UInt64
  }

  private struct Place: Hashable {
    var store: Int
    var region: UInt64
  }

  /// What was read of a disk, in which life.
  private struct ReadPosition: Equatable {
    var life: UInt64
    var generation: Int
    var applied: UInt64
  }

  private struct Finding {
    var digest: UInt64
    var who: String
  }

  private var findings: [Point: Finding] = [:]
  private var looks: [Place: ReadPosition] = [:]

  func check(_ view: ClusterView) -> String? { compare(view, isThorough: false) }

  func checkQuiescent(_ view: ClusterView) -> String? {
    // Every byte makes other digests.
    (findings, looks) = ([:], [:])
    defer { (findings, looks) = ([:], [:]) }
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
    let place = Place(store: disk.store.number, region: point.region)
    let look = ReadPosition(
      life: disk.store.machine.incarnation, generation: disk.store.disk.generation,
      applied: point.applied)
    if looks[place] == look { return nil }
    looks[place] = look
    guard let range = replica.local?.region.range else { return nil }
    let who = disk.store.machine.name
    do throws(EngineError) {
      let digest = try self.digest(range, disk.engine, isThorough)
      guard let known = findings[point] else {
        findings[point] = Finding(digest: digest, who: who)
        return nil
      }
      guard known.digest != digest else { return nil }
      return "region \(point.region) at index \(point.applied) has other data on \(who) than on "
        + "\(known.who)"
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
        let value = cursor.value
        digest.add(cursor.key)
        digest.add(UInt64(value.count))
        // Values begin with what tells them apart.
        digest.add(isThorough ? value[...] : value.prefix(32))
        cursor.next()
      }
      try cursor.finish()
      digest.add(UInt64(family.rawValue))
    }
    return digest.value
  }
}
