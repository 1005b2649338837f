import Runtime

/// The faults of a machine's disk, consulted before and after each operation.
///
/// Safety of `@unchecked Sendable`: belongs to the one thread of its scheduler.
package final class DiskFaults: @unchecked Sendable {
  /// Calls of the file system that can fail.
  package enum Operation: UInt64, Sendable {
    case read = 1
    case write
    case sync
  }

  /// What a call that was made to fail throws.
  package enum Failure: Error, Hashable, Sendable {
    /// The process that asks is dead.
    case dead
    case io
    case full
  }

  /// The point at which a machine crashes during an operation.
  package enum DeathPoint: UInt64, Sendable, CaseIterable {
    case before = 1
    case after
  }

  /// How many more operations of a kind go well before one fails; none fails while there is no number.
  package var healthy: [Operation: Int] = [:]
  package var isFull = false
  /// How many more writes or barriers are made before the machine crashes at one.
  package var crashAfter: (count: Int, at: DeathPoint)?
  /// Called when the machine is to crash: the process is dead already, its disks still have to be.
  package var onDeath: () -> Void = {}
  /// What a bit that turned over has made unreadable.
  package var damage = DiskDamage()
  package private(set) var injected = 0
  private let machine: SimulatedMachine

  init(_ machine: SimulatedMachine) {
    self.machine = machine
  }

  /// The process is gone, and with it what was wrong for it alone.
  func processDied() { crashAfter = nil }

  /// All is well again, but for what is damaged: that only a new disk mends.
  package func heal() {
    healthy = [:]
    isFull = false
    crashAfter = nil
  }

  /// Makes one operation, or lets it fail.
  func perform<R, E: Error>(
    _ operation: Operation, in process: SimulatedProcess, _ failure: (Failure) -> E,
    _ body: () throws(E) -> R
  ) throws(E) -> R {
    guard process.isAlive else { throw failure(.dead) }
    if let left = healthy[operation] {
      healthy[operation] = left > 0 ? left - 1 : nil
      if left == 0 {
        note(operation, "fails")
        throw failure(.io)
      }
    }
    if isFull, operation == .write {
      note(operation, "finds no space")
      throw failure(.full)
    }
    guard operation != .read, let death = crashAfter else { return try body() }
    guard death.count == 0 else {
      crashAfter?.count -= 1
      return try body()
    }
    crashAfter = nil
    note(operation, "is where the machine dies, \(death.at) it")
    if death.at == .before {
      die(process)
      throw failure(.dead)
    }
    let result = try body()
    die(process)
    return result
  }

  /// A read came upon damage, and the checksum of its block says so.
  func foundDamage(_ place: String) {
    damage.isFound = true
    note(.read, "finds damage: \(place)")
  }

  private func die(_ process: SimulatedProcess) {
    process.die()
    onDeath()
  }

  private func note(_ operation: Operation, _ text: String) {
    injected += 1
    machine.scheduler.note(
      .fault, UInt64(machine.number), operation.rawValue,
      "\(machine.name) disk \(operation) \(text)")
  }
}
