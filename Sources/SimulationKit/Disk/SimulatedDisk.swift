package import Engine
package import RaftLog
package import Runtime

/// What the raft log of a simulated store is made of.
package enum SimulatedLog: String, CaseIterable, Sendable {
  /// A store in memory that loses whole writes.
  case memory
  /// A segment log in files that lose parts of writes.
  case segment
}

/// A store's disks: the data, the raft log and the snapshot files, which outlive the process and lose
/// what was not synced when the machine crashes.
package final class SimulatedDisk {
  private let machine: SimulatedMachine
  package private(set) var engine: MemoryEngine
  /// The raft log, unless it is in files.
  private var memoryLogs: MemoryLogStore
  private let kind: SimulatedLog
  private let seed: UInt64
  /// The raft log in files; nil if it is in memory.
  package private(set) var segments: SegmentLogDisk?
  package private(set) var files: MemoryFileSystem
  /// What is wrong with it.
  package let faults: DiskFaults
  /// Counts the disks, from 1 on: `wipe` begins the next.
  package private(set) var generation = 1
  /// Files of received snapshots in which a fault has changed bytes, over the whole run.
  package var damagedSnapshots = 0

  /// - Parameters:
  ///   - log: what the raft log is made of.
  ///   - seed: of what a segment log draws.
  package init(
    _ machine: SimulatedMachine, log: SimulatedLog = .memory, seed: UInt64 = 0
  ) throws(EngineError) {
    self.machine = machine
    kind = log
    self.seed = seed
    files = MemoryFileSystem(clock: machine.clock)
    engine = try MemoryEngine(path: "kv", files: files)
    memoryLogs = MemoryLogStore()
    faults = DiskFaults(machine)
    makeLog()
  }

  private func makeLog() {
    memoryLogs = MemoryLogStore()
    segments =
      switch kind {
      case .memory: nil
      case .segment: SegmentLogDisk(machine.name, seed: seed &+ UInt64(machine.number))
      }
  }

  /// The raft log below all faults: of a segment log, what it must contain.
  package internal(set) var logs: MemoryLogStore {
    get { segments?.expected ?? memoryLogs }
    set { memoryLogs = newValue }
  }

  /// Writes to the raft log below all faults, while no process runs.
  package func writeLogOffline(_ batch: LogBatch) throws(LogStoreError) {
    if let segments { return try segments.writeOffline(batch) }
    _ = try memoryLogs.write(batch, .synced)
  }

  /// What a process sees of the disk.
  package struct ProcessDisks {
    package var engine: any KVEngine
    package var logs: any RaftLogStore
    package var files: any FileSystem
  }

  /// The disk for a process, with its faults between.
  ///
  /// - Parameter logFiles: what is put before the files of a segment log.
  package func mount(
    for process: SimulatedProcess,
    logFiles: (any RandomAccessFileSystem) -> any RandomAccessFileSystem = { $0 }
  ) throws -> ProcessDisks {
    let disk = DiskAccess(faults, process)
    let files = FaultyFileSystem(files, disk)
    // The engine's own files go through the same faults.
    engine = engine.reopen(files: files)
    let logs: any RaftLogStore =
      if let segments {
        try segments.open(logFiles(FaultyLogFiles(segments.files, disk)), disk)
      } else {
        FaultyLogStore(memoryLogs, disk)
      }
    return ProcessDisks(engine: FaultyEngine(engine, disk), logs: logs, files: files)
  }

  /// The process is about to stop in good order.
  package func closeLog() { segments?.close() }

  /// The process died: what was written stays.
  package func processDied() {
    engine = engine.reopen(files: files)
    if let segments { segments.processDied() } else { memoryLogs = memoryLogs.reopen() }
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
    if let segments {
      var generator = SplitMix64(seed: ~random)
      segments.machineDied(&generator)
    } else {
      memoryLogs = memoryLogs.crash(keeping: keptBatches)
    }
    // Files are torn: of what was appended and not synced any first part stays, and names that were
    // not synced are there or not.
    var generator = SplitMix64(seed: random)
    files.crash(keepsNames: generator.next() & 1 == 0) { Int(generator.next() % UInt64($0 + 1)) }
    faults.processDied()
  }

  /// Makes an entry of the raft log unreadable. Nil if there is none.
  package func damageLog(
    _ randomValue: UInt64, _ otherRandomValue: UInt64
  ) throws(LogStoreError) -> DiskDamage? {
    let found = try DiskDamage.ofLog(logs, randomValue, otherRandomValue)
    guard let segments, let entry = found?.entry else { return found }
    return try segments.decay(entry.region, entry.index, randomValue) ? found : nil
  }

  /// Everything can be read again.
  package func endDamage() {
    faults.damage = DiskDamage()
    segments?.files.heal()
  }

  /// Damage ends when other bytes are in its place: also those that a crash has brought back.
  package func forgetReplacedDamage() {
    guard !faults.damage.isEmpty else { return }
    do {
      let isReplaced = faults.damage.entry != nil && segments?.files.hasDecay == false
      if try isReplaced || !faults.damage.isThere(engine, logs) { endDamage() }
    } catch {
      preconditionFailure("a disk below its faults cannot be read: \(error)")
    }
  }

  /// Replaces the disk by an empty one.
  package func wipe() throws(EngineError) {
    generation += 1
    files = MemoryFileSystem(clock: machine.clock)
    engine = try MemoryEngine(path: "kv", files: files)
    makeLog()
    faults.processDied()
    faults.damage = DiskDamage()
  }
}
