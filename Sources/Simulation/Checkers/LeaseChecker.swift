import Codec
import RaftLog
import SimulationKit

/// Leases: at one moment at most one store serves a region's reads by lease, and no replica has
/// applied an entry of a later term by then. While a lease holds no other leader can be elected: when the first
/// message of a new leader is sent, no store holds a lease of an earlier term.
///
/// A lease is judged by the clock of its store, as the store does. A paused store serves nothing: it checks a read after it has taken the data, by a clock that has gone on, so when it wakes up the
/// lease is over or still good. A lease that was superseded while
/// nothing could be read by it is no violation.
final class LeaseChecker: ClusterChecker {
  let name = "lease"

  private struct Holder {
    var store: SimulatedStore
    var term: UInt64
  }

  /// The first leader that was elected against a lease.
  private var leaseViolation: String?
  private var isListening = false

  private func listen(_ cluster: SimulatedCluster) {
    isListening = true
    cluster.network.observer.onNewLeader = { [weak self, weak cluster] leader, term in
      guard let self, let cluster, leaseViolation == nil else { return }
      for holder in holders(of: leader.region, cluster) where holder.term < term {
        leaseViolation =
          "peer \(leader.peer) leads region \(leader.region) in term \(term) while "
          + "\(holder.store.machine.name) has a lease of term \(holder.term)"
      }
    }
  }

  func check(_ view: ClusterView) -> String? {
    if !isListening { listen(view.cluster) }
    if let leaseViolation { return leaseViolation }
    if let problem = overlap(view.cluster) { return problem }
    let regions = Set(view.disks.flatMap { $0.replicas.map(\.regionID) }).sorted()
    for region in regions {
      let holders = holders(of: region, view.cluster)
      guard let holder = holders.first else { continue }
      if holders.count > 1 {
        let names = holders.map { "\($0.store.machine.name) of term \($0.term)" }
        return "region \(region) is led by lease on \(names.joined(separator: " and on "))"
      }
      for disk in view.disks {
        let applied: UInt64?
        do throws(LogStoreError) {
          applied = try appliedTerm(of: region, disk)
        } catch {
          return "the log of \(disk.store.machine.name) cannot be read: \(error)"
        }
        guard let term = applied, term > holder.term else { continue }
        return "region \(region) is led by lease on \(holder.store.machine.name) in term "
          + "\(holder.term), but \(disk.store.machine.name) has applied an entry of term \(term)"
      }
    }
    return nil
  }

  /// Two regions that are led by lease and hold the same keys: one was split off the other, which does not know.
  private func overlap(_ cluster: SimulatedCluster) -> String? {
    var led: [(region: UInt64, range: KeyRange, store: String)] = []
    for store in cluster.stores where store.isUp {
      for region in store.store?.meta.regions ?? [] {
        guard let delegate = store.store?.meta.delegate(region.id),
          delegate.leaseTerm(at: store.clock.now) != nil
        else { continue }
        led.append((region.id, delegate.range, store.machine.name))
      }
    }
    led.sort { $0.range.start.lexicographicallyPrecedes($1.range.start) }
    for (left, right) in zip(led, led.dropFirst())
    where left.region != right.region && left.range.overlaps(right.range) {
      return
        "regions \(left.region) on \(left.store) and \(right.region) on \(right.store) are led by "
        + "lease and both hold keys of \(left.range.intersect(right.range))"
    }
    return nil
  }

  private func holders(of region: UInt64, _ cluster: SimulatedCluster) -> [Holder] {
    cluster.stores.compactMap { store in
      guard store.isUp, let delegate = store.store?.meta.delegate(region),
        let term = delegate.leaseTerm(at: store.clock.now)
      else { return nil }
      return Holder(store: store, term: term)
    }
  }

  private func appliedTerm(
    of region: UInt64, _ disk: DiskView
  ) throws(LogStoreError) -> UInt64? {
    guard let replica = disk.replica(region), replica.isLive, let apply = replica.apply else {
      return nil
    }
    if apply.appliedIndex == apply.truncatedIndex { return apply.truncatedTerm }
    return try disk.logs.term(region, at: apply.appliedIndex)
  }
}
