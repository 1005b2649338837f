import Codec
import Engine
import Raftstore
import Runtime
import SimulationKit

/// What takes replicas permanently: disks that are wiped, or on which a bit turns over, and data that is altered. One
/// at a time, and only when the cluster would survive it (`FaultLimits`). A wiped store comes back as a new one. A
/// replica whose log or data is damaged must be replaced by the cluster itself, without a restart.
final class PermanentLosses {
  private let context: FaultContext
  private let supervisor: Supervisor
  private let limits: FaultLimits
  /// The loss that is not repaired yet.
  private var present: (fault: PlannedFault, store: SimulatedStore)?
  /// What the present loss has altered.
  private var alteration: DataAlteration?
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
        lose(fault, view)
      } else if now < end {
        context.after(Self.interval) { [weak self] in self?.attempt(fault, until: end) }
      } else {
        refused += 1
      }
    }
  }

  private func lose(_ fault: PlannedFault, _ view: ClusterView) {
    if fault.kind == .alterData {
      guard let (altered, store) = DataAlteration.inject(fault, view) else { return }
      present = (fault, store)
      alteration = altered
      context.injects(fault, store.machine.name)
      return watch()
    }
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
        ? try disk.damageLog(fault.randomValues[2], fault.randomValues[3])
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

  /// Checks whether the loss is repaired.
  private func inspect() {
    guard let (fault, store) = present else { return }
    store.disk.forgetReplacedDamage()
    guard store.disk.faults.damage.isEmpty, !supervisor.isHeld(store.machine) else { return }
    context.cluster.inspect { [weak self] view in
      guard let self, present?.fault.number == fault.number else { return }
      guard limits.objection(toLossIn: view) == nil, alteration?.isSettled(view) ?? true else {
        return
      }
      present = nil
      alteration = nil
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

  /// Ends damage that nothing has read. What was found the cluster repairs.
  func heal() {
    guard let (_, store) = present else { return }
    present = nil
    alteration = nil
    store.disk.forgetReplacedDamage()
    if !store.disk.faults.damage.isFound { store.disk.endDamage() }
  }
}
