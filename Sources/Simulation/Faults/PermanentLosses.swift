import Codec
import Engine
import RaftLog
import Raftstore
import Runtime
import SimulationKit

/// What takes replicas permanently: disks that are wiped, or on which a bit turns over. One at a time,
/// and only when the cluster would survive it (`FaultLimits`). Whoever is found damaged is given a new
/// disk, as an operator would, and comes back as a new store.
final class PermanentLosses {
  private let context: FaultContext
  private let supervisor: Supervisor
  private let limits: FaultLimits
  /// The loss that is not repaired yet.
  private var present: (fault: PlannedFault, store: SimulatedStore)?
  /// Losses that were given up because the cluster could not bear them in time.
  private(set) var refused = 0

  private static let interval = Duration.milliseconds(250)

  init(_ context: FaultContext, _ supervisor: Supervisor, _ limits: FaultLimits) {
    self.context = context
    self.supervisor = supervisor
    self.limits = limits
  }

  /// While this is set no member may be removed on purpose.
  var isRepairing: Bool { present != nil }

  /// When a member was taken away last: until it is certain that this is done or never will be, nothing
  /// is lost.
  var lastRemoval: Instant?

  // MARK: Loss

  /// Waits up to three seconds until the cluster can bear the loss.
  func inject(_ fault: PlannedFault) {
    attempt(fault, until: context.scheduler.now + .seconds(3))
  }

  private func attempt(_ fault: PlannedFault, until end: Instant) {
    context.cluster.inspect { [weak self] view in
      guard let self, !context.isOver else { return }
      let now = context.scheduler.now
      let isRemoving = lastRemoval.map { now - $0 < .seconds(5) } ?? false
      if present == nil, !isRemoving, limits.objection(toLossIn: view) == nil {
        lose(fault)
      } else if now < end {
        context.after(Self.interval) { [weak self] in self?.attempt(fault, until: end) }
      } else {
        refused += 1
      }
    }
  }

  private func lose(_ fault: PlannedFault) {
    let store = context.store(fault.randomValues[0])
    if fault.kind == .wipe {
      present = (fault, store)
      context.injects(fault, store.machine.name)
      replaceDisk(of: store, after: fault.lasts)
    } else if damage(store, fault) {
      present = (fault, store)
      context.injects(fault, store.machine.name)
    } else {
      return
    }
    watch()
  }

  /// Makes an entry of a log, or a pair of the data, unreadable; false when the store has none.
  private func damage(_ store: SimulatedStore, _ fault: PlannedFault) -> Bool {
    do {
      let disk = store.disk
      let found =
        fault.randomValues[1] & 1 == 0
        ? try DiskDamage.ofLog(disk.logs, fault.randomValues[2], fault.randomValues[3])
        : try DiskDamage.ofData(disk.engine, fault.randomValues[2])
      guard let found else { return false }
      disk.faults.damage = found
      return true
    } catch {
      preconditionFailure("a disk below its faults cannot be read: \(error)")
    }
  }

  // MARK: Repair

  private func watch() {
    context.after(Self.interval) { [weak self] in
      guard let self else { return }
      inspect()
      if present != nil { watch() }
    }
  }

  /// Replaces a disk whose damage was found, as an operator would, and checks whether the loss is repaired.
  private func inspect() {
    guard let (fault, store) = present else { return }
    store.disk.forgetReplacedDamage()
    let damage = store.disk.faults.damage
    if damage.isFound { return replaceDisk(of: store, after: fault.lasts) }
    guard damage.isEmpty, !supervisor.isHeld(store.machine) else { return }
    context.cluster.inspect { [weak self] view in
      guard let self, present?.fault.number == fault.number else { return }
      guard limits.objection(toLossIn: view) == nil else { return }
      present = nil
      context.ends(fault)
    }
  }

  private func replaceDisk(of store: SimulatedStore, after pause: Duration) {
    store.end(.killed)
    do throws(EngineError) {
      try store.wipe()
    } catch {
      preconditionFailure("an empty disk cannot be made: \(error)")
    }
    supervisor.delay(store.machine, by: pause)
  }

  /// Replaces what is damaged, found or not.
  func heal() {
    guard let (_, store) = present else { return }
    present = nil
    if !store.disk.faults.damage.isEmpty { replaceDisk(of: store, after: .zero) }
  }
}
