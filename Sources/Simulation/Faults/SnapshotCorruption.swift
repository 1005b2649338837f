import Codec
import Raftstore
import Runtime
import SimulationKit

/// Bit flips in snapshot files: checksums must detect them. One that was generated is generated again. One that
/// was received has cost its peer the log already: the peer must start over, so this happens only while all
/// others of its region are healthy.
///
/// Such files are there for moments only, so a fault waits for one.
final class SnapshotCorruption {
  private let context: FaultContext
  private let losses: PermanentLosses
  private static let interval = Duration.milliseconds(2)
  private static let shortInterval = Duration.microseconds(200)
  private static let attempts = 25
  private static let generated = "gen_"
  private static let received = "rev_"

  init(_ context: FaultContext, _ losses: PermanentLosses) {
    self.context = context
    self.losses = losses
  }

  func inject(_ fault: PlannedFault) {
    let end = context.scheduler.now + fault.lasts
    if fault.randomValues[3] & 1 == 0 {
      attemptGenerated(fault, until: end)
    } else {
      attemptReceived(fault, until: end)
    }
  }

  private func attemptGenerated(_ fault: PlannedFault, until end: Instant) {
    for store in context.cluster.stores
    where flip(fault, store, files(Self.generated, on: store)) { return }
    guard context.scheduler.now < end else { return }
    context.after(Self.interval) { [weak self] in self?.attemptGenerated(fault, until: end) }
  }

  /// Waits until a region can bear the loss and its files exist.
  private func attemptReceived(_ fault: PlannedFault, until end: Instant) {
    guard context.scheduler.now < end else { return }
    context.cluster.inspect { [weak self] view in
      guard let self, !context.isOver else { return }
      attemptReceived(fault, view, until: end, attempts: Self.attempts)
    }
  }

  private func attemptReceived(
    _ fault: PlannedFault, _ view: ClusterView, until end: Instant, attempts: Int
  ) {
    for store in context.cluster.stores {
      let names = files(Self.received, on: store).filter { name in
        Self.region(of: name).map { canLose($0, on: store, view) } ?? false
      }
      if flip(fault, store, names) { return }
    }
    guard attempts > 0 else { return attemptReceived(fault, until: end) }
    context.after(Self.shortInterval) { [weak self] in
      self?.attemptReceived(fault, view, until: end, attempts: attempts - 1)
    }
  }

  private func flip(_ fault: PlannedFault, _ store: SimulatedStore, _ names: [String]) -> Bool {
    guard !names.isEmpty else { return false }
    let name = names[Int(fault.randomValues[1] % UInt64(names.count))]
    guard store.disk.files.flipBit(fault.randomValues[2] >> 8, of: "snap/" + name) else {
      return false
    }
    if name.hasPrefix(Self.received) { store.disk.damagedSnapshots += 1 }
    context.injects(fault, "\(store.machine.name) \(name)")
    return true
  }

  /// Whether the region's other peers are a quorum that holds everything, whatever becomes of this one.
  private func canLose(_ id: UInt64, on store: SimulatedStore, _ view: ClusterView) -> Bool {
    let sinceRemoval = losses.lastRemoval.map { context.scheduler.now - $0 }
    guard !losses.isRepairing, sinceRemoval.map({ $0 > .seconds(5) }) ?? true,
      let region = context.cluster.newestRegions().first(where: { $0.id == id }),
      let leader = view.leader(of: id)?.status
    else { return false }
    let replicas = view.replicas(of: id)
    return region.peers.allSatisfy { peer in
      if peer.storeID == store.storeID { return true }
      guard let status = replicas.first(where: { $0.status.peer.id == peer.id })?.status else {
        return false
      }
      return status.peerState == .normal && !status.isApplyingSnapshot
        && status.lastIndex >= leader.committed
    }
  }

  private static func region(of name: String) -> UInt64? {
    let parts = name.split(separator: "_")
    return parts.count > 1 ? UInt64(parts[1]) : nil
  }

  private func files(_ prefix: String, on store: SimulatedStore) -> [String] {
    do throws(FileSystemError) {
      return try store.disk.files.list("snap")
        .filter { $0.hasPrefix(prefix) && $0.hasSuffix(".sst") }
    } catch {
      // No directory: the store has not started yet.
      return []
    }
  }
}
