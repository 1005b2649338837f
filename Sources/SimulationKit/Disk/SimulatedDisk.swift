package import Engine
package import RaftLog
package import Runtime

/// A store's disks: the data, the raft log and the snapshot files, which outlive the process and lose
/// what was not synced when the machine crashes.
package final class SimulatedDisk {
  private let machine: SimulatedMachine
  package private(set) var engine: MemoryEngine
  package internal(set) var logs: MemoryLogStore
  package private(set) var files: MemoryFileSystem
  /// What is wrong with it.
  package let faults: DiskFaults
  /// Counts the disks, from 1 on: `wipe` begins the next.
  package private(set) var generation = 1
  /// Files of received snapshots in which a fault has changed bytes, over the whole run.
  package var damagedSnapshots = 0

  package init(_ machine: SimulatedMachine) throws(EngineError) {
    self.machine = machine
    files = MemoryFileSystem(clock: machine.clock)
    engine = try MemoryEngine(path: "kv", files: files)
    logs = MemoryLogStore()
    faults = DiskFaults(machine)
  }

  /// What a process sees of the disk.
  package struct ProcessDisks {
    package var engine: any KVEngine
    package var logs: any RaftLogStore
    package var files: any FileSystem
  }

  /// The disk for a process, with its faults between.
  package func mount(for process: SimulatedProcess) throws(EngineError) -> ProcessDisks {
    let disk = DiskAccess(faults, process)
    let files = FaultyFileSystem(files, disk)
    // The engine's own files go through the same faults.
    engine = engine.reopen(files: files)
    return ProcessDisks(
      engine: FaultyEngine(engine, disk), logs: FaultyLogStore(logs, disk), files: files)
  }

  /// The process died: what was written stays.
  package func processDied() {
    engine = engine.reopen(files: files)
    logs = logs.reopen()
    faults.processDied()
  }

  /// The machine died: of what was not synced a random first part stays.
  package func machineDied() {
    let random = machine.scheduler.random.next()
    let keptWrites = Int(random & 0xFFFF) % (engine.unsyncedWrites + 1)
    let keptBatches = Int(random >> 16 & 0xFFFF) % (logs.unsyncedWrites + 1)
    machine.scheduler.note(
      .process, UInt64(machine.number), UInt64(keptWrites), UInt64(keptBatches),
      "\(machine.name) keeps \(keptWrites) of \(engine.unsyncedWrites) writes and "
        + "\(keptBatches) of \(logs.unsyncedWrites) log batches that were not synced")
    engine = engine.crash(keeping: keptWrites).reopen(files: files)
    logs = logs.crash(keeping: keptBatches)
    // Files are torn: of what was appended and not synced any first part stays, and names that were
    // not synced are there or not.
    var generator = SplitMix64(seed: random)
    files.crash(keepsNames: generator.next() & 1 == 0) { Int(generator.next() % UInt64($0 + 1)) }
    faults.processDied()
  }

  /// Damage ends when other bytes are in its place: also those that a crash has brought back.
  package func forgetReplacedDamage() {
    guard !faults.damage.isEmpty else { return }
    do {
      if try !faults.damage.isThere(engine, logs) { faults.damage = DiskDamage() }
    } catch {
      preconditionFailure("a disk below its faults cannot be read: \(error)")
    }
  }

  /// Replaces the disk by an empty one.
  package func wipe() throws(EngineError) {
    generation += 1
    files = MemoryFileSystem(clock: machine.clock)
    engine = try MemoryEngine(path: "kv", files: files)
    logs = MemoryLogStore()
    faults.processDied()
    faults.damage = DiskDamage()
  }
}
