import Codec
import Raftstore
import Runtime
import SimulationKit

/// State shared by all kinds of faults: the cluster, their targets, and the record of injected faults.
final class FaultContext {
  let cluster: SimulatedCluster
  /// How many clients there are: their machines are numbered from 1000.
  let clients: Int
  /// Faults that were injected, by kind.
  private(set) var injected: [FaultKind: Int] = [:]
  /// From here on no fault is injected any more.
  private(set) var isOver = false
  /// No client calls before this.
  private var quietUntil = Instant(nanoseconds: 0)
  /// The leader of each region at the last inspection.
  private var leaders: [(region: UInt64, store: Int)] = []

  private static let inspectionInterval = Duration.milliseconds(200)

  init(_ cluster: SimulatedCluster, clients: Int) {
    self.cluster = cluster
    self.clients = clients
  }

  var scheduler: SimulationScheduler { cluster.scheduler }

  // MARK: Record

  /// Records that a fault is injected into its target.
  func injects(_ fault: PlannedFault, _ how: @autoclosure () -> String) {
    injected[fault.kind, default: 0] += 1
    scheduler.note(
      .fault, UInt64(fault.number), "fault \(fault.number): \(fault.kind.rawValue) \(how())")
  }

  func ends(_ fault: PlannedFault) {
    scheduler.note(
      .heal, UInt64(fault.number), "fault \(fault.number): \(fault.kind.rawValue) is over")
  }

  /// Runs `body` later, unless `finish` was called by then.
  func after(_ delay: Duration, _ body: @escaping () -> Void) {
    scheduler.after(delay) { [weak self] in
      guard let self, !isOver else { return }
      body()
    }
  }

  func finish() { isOver = true }

  // MARK: Clients

  /// Clients make no call for a while, so that regions hibernate.
  func quiet(_ fault: PlannedFault) {
    injects(fault, "for \(fault.lasts)")
    quietUntil = max(quietUntil, scheduler.now + fault.lasts)
    after(fault.lasts) { [weak self] in self?.ends(fault) }
  }

  /// How long a client that would call now is to wait.
  var pause: Duration { isOver ? .zero : max(.zero, quietUntil - scheduler.now) }

  // MARK: Targets

  /// Begins to follow the leaders of regions.
  func watch() {
    cluster.inspect { [weak self] view in
      guard let self, !isOver else { return }
      leaders = cluster.newestRegions().compactMap { region in
        view.leader(of: region.id).map { (region.id, $0.store.number) }
      }
      after(Self.inspectionInterval) { [weak self] in self?.watch() }
    }
  }

  /// A store; every other time the leader of some region.
  func store(_ randomValue: UInt64) -> SimulatedStore {
    if randomValue & 1 == 0, !leaders.isEmpty {
      let number = leaders[Int((randomValue >> 1) % UInt64(leaders.count))].store
      if let found = cluster.stores.first(where: { $0.number == number }) { return found }
    }
    return cluster.stores[Int((randomValue >> 1) % UInt64(cluster.stores.count))]
  }

  /// All machines by number.
  var machines: [Int] {
    [0] + cluster.stores.map(\.number) + (0..<clients).map { 1000 + $0 }
  }
}
