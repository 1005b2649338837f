import Runtime

/// One life of a process on a machine: from its start to its end, whatever that is.
///
/// Safety of `@unchecked Sendable`: belongs to the one thread of its scheduler.
package final class SimulatedProcess: @unchecked Sendable {
  package let machine: SimulatedMachine
  /// Which life of the machine's process it is, from 1 on.
  package let life: UInt64
  package private(set) var isAlive = true
  package var isPaused = false
  /// What has waited since the process was paused.
  var parked: [Event] = []
  /// Its workers: the process keeps them alive. No one goes through them, so their order is no matter.
  private var workers: [ObjectIdentifier: AnyObject] = [:]

  init(machine: SimulatedMachine, life: UInt64) {
    self.machine = machine
    self.life = life
  }

  /// From here on nothing that the process still does has any effect outside of it.
  package func die() {
    isAlive = false
    parked = []
  }

  func keep(_ worker: AnyObject) { workers[ObjectIdentifier(worker)] = worker }
  func release(_ worker: AnyObject) { workers[ObjectIdentifier(worker)] = nil }
}
