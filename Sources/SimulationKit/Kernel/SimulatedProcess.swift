import Runtime

/// A process on a machine, from its start to its end, however it ends.
package final class SimulatedProcess: Sendable {
  package let machine: SimulatedMachine
  /// Which process of its machine it is, from 1 on.
  package let incarnation: UInt64
  private let alive = ThreadBound(true)
  private let paused = ThreadBound(false)
  private let waiting = ThreadBound<[Event]>([])
  /// The names of workers that hang, and what wakes those that had something to do meanwhile.
  private let stalled = ThreadBound<Set<String>>([])
  private let wakeUps = ThreadBound<[() -> Void]>([])
  /// The process keeps its workers alive. Nothing iterates over them, so their order does not matter.
  private let workers = ThreadBound<[ObjectIdentifier: AnyObject]>([:])

  init(machine: SimulatedMachine, incarnation: UInt64) {
    self.machine = machine
    self.incarnation = incarnation
  }

  package var isAlive: Bool { alive.value }

  /// While this is set, what happens in the process waits for `SimulationScheduler.resume`.
  package var isPaused: Bool {
    get { paused.value }
    set { paused.value = newValue }
  }

  /// What has waited since the process was paused, in order.
  var pending: [Event] {
    get { waiting.value }
    _modify { yield &waiting.value }
  }

  /// From here on nothing that the process still does has any effect outside of it.
  package func die() {
    alive.value = false
    let dropped = waiting.value
    waiting.value = []
    withExtendedLifetime(dropped) {}
  }

  /// The worker of this name handles nothing until `resumeWorkers`.
  package func stallWorker(named name: String) { stalled.value.insert(name) }

  /// Ends every stall.
  package func resumeWorkers() {
    stalled.value = []
    let pending = wakeUps.value
    wakeUps.value = []
    for wakeUp in pending { wakeUp() }
  }

  /// Whether a worker hangs; if so, `wakeUp` is called at the end of that.
  func isStalled(_ name: String, _ wakeUp: @escaping () -> Void) -> Bool {
    guard stalled.value.contains(name) else { return false }
    wakeUps.value.append(wakeUp)
    return true
  }

  func keep(_ worker: AnyObject) { workers.value[ObjectIdentifier(worker)] = worker }
  func release(_ worker: AnyObject) { workers.value[ObjectIdentifier(worker)] = nil }
}
