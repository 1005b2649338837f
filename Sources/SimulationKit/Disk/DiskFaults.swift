import Runtime

/// The faults of a machine's disk, consulted before and after each operation.
package final class DiskFaults {
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

  /// How many more operations of a kind go well before one fails; a kind without a number does not fail.
  package var healthy: [Operation: Int] = [:]
  package var isFull = false
  /// How many more operations go well before all fail; nil: all go well.
  package var operationsLeft: Int?
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

  /// The process has died, and with it the faults that were meant for it alone.
  func processDied() { crashAfter = nil }

  /// Ends all faults but the damage, which only a new disk ends.
  package func heal() {
    healthy = [:]
    operationsLeft = nil
    isFull = false
    crashAfter = nil
  }

  /// Makes one operation, or lets it fail.
  func perform<R, E: Error>(
    _ operation: Operation, in process: SimulatedProcess, _ failure: (Failure) -> E,
    _ body: () throws(E) -> R
  ) throws(E) -> R {
    guard process.isAlive else { throw failure(.dead) }
    if let left = operationsLeft {
      operationsLeft = max(0, left - 1)
      if left == 0 {
        note(operation, "fails")
        throw failure(.io)
      }
    }
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

  /// A read has met damage: the checksum of the block does not match.
  ///
  /// It is no reason for a process to end: a peer is.
  func foundDamage(_ location: String) {
    damage.isFound = true
    machine.scheduler.note(
      .fault, UInt64(machine.number), Operation.read.rawValue,
      "\(machine.name) finds damage: \(location)")
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

/// A disk as one process reaches it: every operation meets the disk's faults.
struct DiskAccess: Sendable {
  private let faults: ThreadBound<DiskFaults>
  private let process: SimulatedProcess

  init(_ faults: DiskFaults, _ process: SimulatedProcess) {
    self.faults = ThreadBound(faults)
    self.process = process
  }

  /// Makes one operation, or lets it fail; `failure` makes the error that is thrown then.
  func perform<R, E: Error>(
    _ operation: DiskFaults.Operation, _ failure: (DiskFaults.Failure) -> E,
    _ body: () throws(E) -> R
  ) throws(E) -> R {
    try faults.value.perform(operation, in: process, failure, body)
  }

  var damage: DiskDamage { faults.value.damage }

  /// Whether the process has ended.
  var isDead: Bool { !process.isAlive }

  func foundDamage(_ location: String) { faults.value.foundDamage(location) }

  /// Something was written: damage ends where other bytes are in its place.
  func forgetReplacedDamage(_ isThere: (DiskDamage) throws -> Bool) {
    let damage = faults.value.damage
    if damage.isEmpty { return }
    do {
      if try !isThere(damage) { faults.value.damage = DiskDamage() }
    } catch {
      preconditionFailure("a disk below its faults cannot be read: \(error)")
    }
  }
}
