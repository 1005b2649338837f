import Protobuf
import Raft
import Runtime
import Synchronization

extension EtcdLogStore {
  /// Writes a plan: everything that may fail without a trace first, then the records of each region. If one of these
  /// fails, those of the regions before are taken back.
  func write(
    _ plan: EtcdPlan, _ before: [UInt64: EtcdPlan.Region], _ writer: inout Writer
  ) throws(LogStoreError) {
    do throws(EtcdWALError) {
      for region in plan.regions { try makeReady(region, before[region], &writer) }
    } catch {
      throw poisoning(error, &writer)
    }
    var written: [(region: UInt64, wal: EtcdRegionWAL)] = []
    for region in plan.regions {
      guard var wal = writer.wals[region], let changes = plan.changes[region] else {
        preconditionFailure("region \(region) has no WAL")
      }
      let undo = wal
      let (frames, state) = wal.frames(changes, before: wal.wal.hardState)
      do throws(EtcdWALError) {
        try wal.wal.write(frames)
      } catch {
        writer.wals[region] = wal
        takeBack(written, &writer)
        if let poison = wal.wal.poison { writer.poison = poison }
        throw poisoning(error, &writer)
      }
      wal.save += 1
      wal.wal.note(state, lastIndex: plan.after[region]?.index?.last ?? 0)
      if case .destroy? = changes.last { wal.startsEmpty = true } else { wal.startsEmpty = false }
      writer.wals[region] = wal
      writer.dirty.insert(region)
      written.append((region, undo))
    }
  }

  private func takeBack(
    _ written: [(region: UInt64, wal: EtcdRegionWAL)], _ writer: inout Writer
  ) {
    for (region, wal) in written {
      // The file may have been opened since.
      guard var current = writer.wals[region] else { continue }
      do throws(EtcdWALError) {
        try current.wal.undo(to: wal.wal.offset, wal.wal.crc)
      } catch {
        writer.poison = "\(error)"
      }
      current.wal.note(wal.wal.hardState, lastIndex: wal.wal.lastIndex)
      current.save = wal.save
      current.startsEmpty = wal.startsEmpty
      writer.wals[region] = current
    }
  }

  /// The error for the caller. The store is poisoned if a WAL is.
  func poisoning(_ error: EtcdWALError, _ writer: inout Writer) -> LogStoreError {
    if case .poisoned(let reason) = error { writer.poison = writer.poison ?? reason }
    return LogStoreError(error)
  }

  /// Lets a region have a WAL with space in its segment.
  private func makeReady(
    _ region: UInt64, _ before: EtcdPlan.Region?, _ writer: inout Writer
  ) throws(EtcdWALError) {
    if before?.damage != nil { try remove(region) }
    try limitOpenFiles(&writer, for: region)
    guard var wal = writer.wals[region] else {
      let target = Self.wal(of: region, in: directory)
      let (path, parent) = (target.parent, directory.path)
      let snapshots = directory.child(Self.name(region)) + "/snap"
      try directory.performing { (files) throws(FileSystemError) in
        try files.createDirectory(path)
        try files.createDirectory(snapshots)
        try files.syncDirectory(parent)
      }
      writer.wals[region] = try EtcdRegionWAL(
        creating: target, region: region, Self.walOptions(options))
      return
    }
    guard wal.wal.offset >= options.segmentBytes else { return }
    try cut(region, &wal, &writer)
  }

  /// Begins a new segment of a region.
  func cut(
    _ region: UInt64, _ wal: inout EtcdRegionWAL, _ writer: inout Writer
  ) throws(EtcdWALError) {
    let state = table.withLock { $0.regions[region] } ?? EtcdRegion()
    defer {
      writer.wals[region] = wal
      if let poison = wal.wal.poison { writer.poison = poison }
    }
    try wal.wal.cut(extra: wal.head(state))
    wal.durable = wal.save
    wal.proved = wal.save
    writer.dirty.remove(region)
  }

  /// Closes the segments that were opened first, if there are too many.
  private func limitOpenFiles(
    _ writer: inout Writer, for region: UInt64
  ) throws(EtcdWALError) {
    if writer.wals[region]?.wal.isOpen == true { return }
    while writer.opened.count >= max(options.maxOpenFiles, 1) {
      let oldest = writer.opened.removeFirst()
      guard var wal = writer.wals[oldest] else { continue }
      defer { writer.wals[oldest] = wal }
      do throws(EtcdWALError) {
        try wal.wal.rest()
      } catch {
        writer.poison = wal.wal.poison
        throw error
      }
      wal.durable = wal.save
      writer.dirty.remove(oldest)
    }
    writer.opened.append(region)
  }

  /// Makes all writes durable, one region after the other.
  func barrier(_ writer: inout Writer) throws(LogStoreError) {
    for region in writer.dirty.sorted() {
      guard var wal = writer.wals[region] else { continue }
      do throws(EtcdWALError) {
        try wal.sync()
      } catch {
        writer.poison = "\(error)"
        throw LogStoreError(error)
      }
      writer.wals[region] = wal
      writer.dirty.remove(region)
    }
    writer.durableLSN = writer.lsn
  }

  /// Notes in the WALs that were written since what is durable. What is noted is durable with a later barrier, or not.
  func prove(_ writer: inout Writer) throws(LogStoreError) {
    for region in writer.wals.keys.sorted() {
      guard var wal = writer.wals[region], wal.proved < wal.durable else { continue }
      do throws(EtcdWALError) {
        try wal.prove()
      } catch {
        writer.wals[region] = wal
        throw poisoning(error, &writer)
      }
      writer.wals[region] = wal
      writer.dirty.insert(region)
    }
  }

  /// Removes the directory of a region: at once, as no part of it is found again after a crash.
  func remove(_ region: UInt64) throws(EtcdWALError) {
    let (source, parent) = (directory.child(Self.name(region)), path)
    let removed = source + ".removed"
    try directory.performing { (files) throws(FileSystemError) in
      try files.removeTree(removed)
      try files.rename(source, to: removed)
      try files.syncDirectory(parent)
      try files.removeTree(removed)
    }
  }

  // MARK: Identity

  static func readIdentity(_ directory: EtcdDirectory) throws(EtcdWALError) -> LogStoreIdentity? {
    let path = directory.child("store")
    let bytes: [UInt8]? = try directory.performing { (files) throws(FileSystemError) in
      try files.exists(path) ? try files.contents(of: path) : nil
    }
    guard let bytes else { return nil }
    let body = Array(bytes.dropFirst(4))
    let stored = bytes.prefix(4).reversed().reduce(UInt32(0)) { $0 << 8 | UInt32($1) }
    guard bytes.count >= 4, CRC32C.of(body) == stored else {
      throw .checksumMismatch(path: path, offset: 0)
    }
    do throws(CodecError) {
      return try LogStoreIdentity(decoding: body, strict: true)
    } catch {
      throw .damaged(path: path, offset: 4, reason: "\(error)")
    }
  }

  static func write(
    _ identity: LogStoreIdentity, to directory: EtcdDirectory
  ) throws(EtcdWALError) {
    let body = identity.encoded()
    var bytes: [UInt8] = []
    bytes.appendLittleEndian(CRC32C.of(body))
    bytes += body
    let content = bytes
    let (temporary, target) = (directory.child("store.tmp"), directory.child("store"))
    try directory.performing { (files) throws(FileSystemError) in
      let file = try files.create(temporary, exclusive: false)
      try file.append(content)
      try file.sync()
      try files.rename(temporary, to: target)
      try files.syncDirectory(directory.path)
    }
  }
}

extension EtcdLogStore.Table {
  /// The regions of a batch as a plan needs them.
  func excerpt(_ operations: [LogBatch.Operation]) -> [UInt64: EtcdPlan.Region] {
    var excerpt: [UInt64: EtcdPlan.Region] = [:]
    for operation in operations where excerpt[operation.region] == nil {
      let id = operation.region
      excerpt[id] = EtcdPlan.Region(
        index: regions[id]?.index, hasTombstone: regions[id]?.tombstone != nil,
        damage: damaged[id])
    }
    return excerpt
  }

  /// Applies a plan that was written.
  mutating func apply(_ plan: EtcdPlan) {
    for (id, changes) in plan.changes {
      regions[id, default: EtcdRegion()].apply(id, changes, plan.after[id]?.index)
      if regions[id]?.isEmpty == true { regions[id] = nil }
      damaged[id] = nil
    }
  }
}
