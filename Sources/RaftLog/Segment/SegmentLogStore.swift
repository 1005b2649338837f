package import Runtime
import Synchronization

/// Raft logs of all regions in one log of segment files: one write and one barrier for a batch of many regions and for
/// the batches of many threads that come together. `SegmentDirectory`, `SegmentHeader`, `FrameHeader`, `SegmentItem`
/// and `FrameDirectory` describe the format, `SegmentRecovery` how it is opened.
///
/// The index is in memory, 16 bytes per entry, with hard states and the owner's values. Entries are read from files,
/// unless they are among the newest.
package final class SegmentLogStore: RaftLogStore {
  package let path: String
  /// What opening found beside the contents.
  package let report: SegmentLogReport
  let options: SegmentLogOptions
  /// Nil once closed, and in a log opened for reading only.
  private let lock: Mutex<(any FileLock)?>
  private let queue: CommitQueue
  /// Lock order: before `table`, which is before `cache`.
  let writer: Mutex<SegmentWriter>
  /// Never locked during a call that may block. Changed only with `writer` locked, except for holds.
  let table: Mutex<SegmentTable>
  private let cache: Mutex<PayloadCache>
  private let isClosed = Atomic(false)

  /// Opens the log in the directory `path`, which is created with its parents if it is missing. What was written before
  /// is durable when it returns.
  ///
  /// Throws `locked`, `denied`, `noSpace`, `corrupted`, `newerFormat`, `wrongKey`, `foreignStore` or `io`.
  ///
  /// - Parameter files: the file system that holds the directory.
  package init(
    path: String, files: any RandomAccessFileSystem,
    options: SegmentLogOptions = SegmentLogOptions()
  ) throws(LogStoreError) {
    self.path = path
    self.options = options
    let directory = SegmentDirectory(path, files, options)
    let (lock, wasCreated) = try Self.prepare(directory)
    var recovery = SegmentRecovery(directory)
    var outcome = try recovery.run(wasCreated: wasCreated)
    outcome.table.noteOpenedBytes()
    var writer = SegmentWriter(outcome.directory)
    writer.active = outcome.active
    writer.nextLSN = outcome.nextLSN
    if options.mode != .readOnly { try writer.barrier() }
    writer.durableLSN = outcome.nextLSN - 1
    self.lock = Mutex(lock)
    queue = CommitQueue(maxGroupBytes: options.maxGroupBytes)
    report = outcome.report
    table = Mutex(outcome.table)
    cache = Mutex(PayloadCache(limit: options.cacheBytes))
    self.writer = Mutex(writer)
    if options.mode == .salvage { try repair(outcome.damagedFiles) }
  }

  package var capabilities: LogStoreCapabilities {
    [.crossRegionAtomic, .sharedBarrier, .onlineCheckpoint]
  }

  /// Creates and locks the directory. Returns whether the lock file says that the log was created before.
  private static func prepare(
    _ directory: SegmentDirectory
  ) throws(LogStoreError) -> ((any FileLock)?, Bool) {
    let lockPath = directory.path("LOCK")
    if directory.options.mode == .readOnly {
      let content = try directory.performing { () throws(FileSystemError) in
        try directory.system.contents(of: lockPath)
      }
      return (nil, content == SegmentDirectory.created)
    }
    let exists = try directory.performing { () throws(FileSystemError) in
      try directory.system.exists(lockPath)
    }
    guard exists || directory.options.createIfMissing else {
      throw .io(operation: "open \(directory.path)", reason: "there is no segment log")
    }
    let lock = try directory.performing { () throws(FileSystemError) in
      try directory.system.createDirectory(directory.path)
      return try directory.system.lock(lockPath)
    }
    guard let lock else {
      throw .locked(path: directory.path, reason: "another process or store holds its lock")
    }
    let content = try directory.performing { () throws(FileSystemError) in
      try directory.system.contents(of: lockPath)
    }
    return (lock, content == SegmentDirectory.created)
  }

  // MARK: Writing

  package func write(
    _ batch: LogBatch, _ durability: Durability
  ) throws(LogStoreError) -> LogReceipt {
    let limit = min(options.maxBatchBytes, 1 << 30)
    guard batch.byteSize <= limit else { throw .batchTooLarge(limit: limit) }
    let prepared = PreparedBatch(batch, compressionThreshold: options.compressionThreshold)
    let member = CommitMember(prepared, durability, bytes: batch.byteSize)
    return try queue.submit(member) { commit($0) }
  }

  /// Writes a group of batches.
  private func commit(_ group: [CommitMember]) -> [Result<LogReceipt, LogStoreError>] {
    writer.withLock { writer in
      do throws(LogStoreError) {
        try writer.check()
        return try commit(group, &writer)
      } catch {
        return group.map { _ in .failure(error) }
      }
    }
  }

  private func commit(
    _ group: [CommitMember], _ writer: inout SegmentWriter
  ) throws(LogStoreError) -> [Result<LogReceipt, LogStoreError>] {
    // The regions as the batches before in the group leave them.
    var changed: [UInt64: SegmentPlan.Region] = [:]
    var plans: [Result<SegmentPlan, LogStoreError>] = []
    for member in group {
      var before = excerpt(member.batch.operations)
      before.merge(changed.filter { before[$0.key] != nil }) { $1 }
      var plan = SegmentPlan(before: before)
      do throws(LogStoreError) {
        try plan.add(member.batch)
        changed.merge(plan.after) { $1 }
        plans.append(.success(plan))
      } catch {
        plans.append(.failure(error))
      }
    }
    let accepted = zip(group, plans).compactMap { member, plan in
      if case .success(let plan) = plan, !plan.items.isEmpty { (member, plan) } else { nil }
    }
    if !accepted.isEmpty { try write(accepted, &writer) }
    var lsn = writer.writes - UInt64(accepted.count)
    return zip(group, plans).map { member, plan in
      plan.map { plan in
        if !plan.items.isEmpty { lsn += 1 }
        return LogReceipt(
          lsn: lsn, durableLSN: writer.durableWrites,
          bytes: plan.items.isEmpty ? 0 : member.bytes)
      }
    }
  }

  private func write(
    _ accepted: [(CommitMember, SegmentPlan)], _ writer: inout SegmentWriter
  ) throws(LogStoreError) {
    let places = try writer.append(
      accepted.map { PendingFrame($0.0.batch, items: $0.1.items) }, table)
    writer.writes += UInt64(accepted.count)
    try noteCreation(&writer)
    if accepted.contains(where: { $0.0.durability == .synced }) { try writer.barrier() }
    publish(zip(accepted.map(\.1.items), places).map { ($0, $1) })
    cache.withLock { cache in
      for ((member, _), place) in zip(accepted, places) {
        cache.insert(member.batch.payload, place)
      }
    }
  }

  /// Applies written items to the index.
  func publish(_ frames: [([SegmentItem], FramePlace)]) {
    table.withLock { table in
      for (items, place) in frames {
        for item in items {
          do throws(SegmentDefect) {
            try table.apply(item, at: place)
          } catch {
            preconditionFailure("a checked batch does not fit the log: \(error.reason)")
          }
        }
      }
    }
  }

  private func excerpt(_ operations: [LogBatch.Operation]) -> [UInt64: SegmentPlan.Region] {
    table.withLock { table in
      var regions: [UInt64: SegmentPlan.Region] = [:]
      for operation in operations where regions[operation.region] == nil {
        let id = operation.region
        regions[id] = SegmentPlan.Region(
          index: table.regions[id]?.index, hasTombstone: table.tombstones[id] != nil,
          fence: table.regions[id]?.fence)
      }
      return regions
    }
  }

  /// Says in the lock file that the log exists: from now on missing files are damage. An error poisons the store, since
  /// the frame before it is written and not applied.
  func noteCreation(_ writer: inout SegmentWriter) throws(LogStoreError) {
    guard !isNoted.load(ordering: .relaxed) else { return }
    let directory = writer.directory
    do throws(FileSystemError) {
      let file = try directory.system.openRandomAccess(
        directory.path("LOCK"), create: true, readOnly: false)
      try file.write(SegmentDirectory.created, at: 0)
      try file.sync()
      try directory.system.syncDirectory(path)
    } catch {
      writer.poison = error.description
      throw LogStoreError(error)
    }
    isNoted.store(true, ordering: .relaxed)
  }

  private let isNoted = Atomic(false)

  @discardableResult
  package func sync() throws(LogStoreError) -> UInt64 {
    try writer.withLock { (writer) throws(LogStoreError) in
      try writer.check()
      try writer.barrier()
      return writer.durableWrites
    }
  }

  package func close() throws(LogStoreError) {
    try writer.withLock { (writer) throws(LogStoreError) in
      guard !writer.isClosed else { return }
      isClosed.store(true, ordering: .releasing)
      defer {
        writer.isClosed = true
        writer.active = nil
        lock.withLock { $0 = nil }
      }
      if options.mode == .readOnly { return }
      if let poison = writer.poison { throw .poisoned(poison) }
      try writer.barrier()
      try writer.prove(table)
    }
  }

  // MARK: Identity

  package func identity() throws(LogStoreError) -> LogStoreIdentity? {
    try checkOpen()
    return table.withLock { $0.identity }
  }

  package func bind(_ identity: LogStoreIdentity) throws(LogStoreError) {
    try writer.withLock { (writer) throws(LogStoreError) in
      if writer.isClosed { throw .closed }
      if let found = table.withLock({ $0.identity }) {
        guard found == identity else { throw .foreignStore(expected: identity, found: found) }
        return
      }
      try writer.check()
      let items: [SegmentItem] = [.identity(identity)]
      let places = try writer.append([PendingFrame(items: items)], table)
      try noteCreation(&writer)
      try writer.barrier()
      publish([(items, places[0])])
    }
  }

  func checkOpen() throws(LogStoreError) {
    if isClosed.load(ordering: .acquiring) { throw .closed }
  }

  // MARK: Reading frames

  /// The uncompressed payload of a frame.
  func payload(_ place: FramePlace, of file: SegmentFile) throws(LogStoreError) -> [UInt8] {
    if let cached = cache.withLock({ $0.payload(place) }) { return cached }
    let payload = try FrameReader.payload(file, place.offset)
    cache.withLock { $0.insert(payload, place) }
    return payload
  }
}
