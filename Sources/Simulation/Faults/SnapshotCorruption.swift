import Codec
import Raft
import Raftstore
import Runtime

/// Bit flips in snapshot files: checksums must detect them. One that was generated is generated again. One that
/// was received has cost its peer the log already: the peer must start over, so this happens only while all
/// others of its region are well.
///
/// Such files are there for moments only, so a fault waits for one.
///
/// Safety of `@unchecked Sendable`: belongs to the one thread of its scheduler.
final class SnapshotCorruption: @unchecked Sendable {
  private let context: FaultContext
  private let losses: PermanentLosses
  private static let interval = Duration.milliseconds(2)
  private static let generated = "gen_"
  private static let received = "rev_"

  init(_ context: FaultContext, _ losses: PermanentLosses) {
    self.context = context
    self.losses = losses
  }

  func inject(_ fault: PlannedFault) { attempt(fault, until: context.scheduler.now + fault.lasts) }

  private func attempt(_ fault: PlannedFault, until end: Instant) {
    if fault.randomValues[3] & 1 == 0 {
      for store in context.cluster.stores
      where flip(fault, store, files(Self.generated, on: store)) { return }
    } else if let store = context.cluster.stores.first(where: {
      !files(Self.received, on: $0).isEmpty
    }) {
      context.cluster.inspect { [weak self] view in
        guard let self, !context.isOver else { return }
        let names = files(Self.received, on: store)
          .filter { Self.region(of: $0).map { self.canLose($0, on: store, view) } ?? false }
        if !flip(fault, store, names) { attemptAgain(fault, until: end) }
      }
      return
    }
    attemptAgain(fault, until: end)
  }

  private func attemptAgain(_ fault: PlannedFault, until end: Instant) {
    guard context.scheduler.now < end else { return }
    context.after(Self.interval) { [weak self] in self?.attempt(fault, until: end) }
  }

  private func flip(_ fault: PlannedFault, _ store: SimulatedStore, _ names: [String]) -> Bool {
    guard !names.isEmpty else { return false }
    let name = names[Int(fault.randomValues[1] % UInt64(names.count))]
    guard store.disk.files.flipBit(fault.randomValues[2] >> 8, of: "snap/" + name) else {
      return false
    }
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
      guard let replica = replicas.first(where: { $0.status.peer.id == peer.id }) else {
        return false
      }
      if replica.store === store { return replica.status.isApplyingSnapshot }
      return replica.status.peerState == .normal && replica.status.lastIndex >= leader.committed
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
