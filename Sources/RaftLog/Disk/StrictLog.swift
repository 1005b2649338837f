import Raft
import Runtime

/// Writes the files of the strict format. A value: a failed change is dropped with its copy, and what it has written has
/// no reference.
struct StrictLog: Sendable {
  let directory: String
  let system: any RandomAccessFileSystem
  let options: DiskStorageOptions
  private var metaFile: DiskMetaFile
  /// The file that entries are written to; nil: the next one goes to a new file.
  private var current: DiskLogFile?
  /// Where the next payload goes in `current`.
  private var dataEnd: UInt64 = 0
  /// Of the next payload. Never used again, also if a write fails.
  private var nonce: UInt64 = 1
  /// Files with bytes that may not be durable.
  private var unsynced: [DiskLogFile] = []
  /// Whether the newest record of `wal.meta` may not be durable, or refers to what may not be.
  private(set) var hasUnsyncedRecord = false
  /// The lowest file that a state needs which may be found after a crash; 0: none.
  private var durableStart: UInt32 = 0
  /// The lowest file that exists; 0: none does.
  private var oldest: UInt32 = 0

  private init(
    _ directory: String, _ system: any RandomAccessFileSystem,
    _ options: DiskStorageOptions, _ metaFile: DiskMetaFile
  ) {
    self.directory = directory
    self.system = system
    self.options = options
    self.metaFile = metaFile
  }

  // MARK: Opening

  /// Creates the files of an empty log.
  static func create(
    _ directory: String, _ system: any RandomAccessFileSystem, _ options: DiskStorageOptions
  ) throws(LogStoreError) -> (StrictLog, DiskView) {
    var view = DiskView()
    view.meta.raftID = options.raftID
    view.meta.groupID = options.groupID
    view.meta.isDestroyed = options.beginsDestroyed
    let metaFile = try DiskMetaFile.create(
      directory, system, options, view.meta, sequence: 1)
    return (StrictLog(directory, system, options, metaFile), view)
  }

  /// Opens the newest state. One that a crash has cut off, and that was not durable, gives way to the one before. What
  /// is found is durable when it returns.
  static func open(
    _ directory: String, _ system: any RandomAccessFileSystem, _ options: DiskStorageOptions
  ) throws(LogStoreError) -> (StrictLog, DiskView) {
    var (metaFile, records) = try DiskMetaFile.open(
      directory + "/wal.meta", system, options.keys)
    guard let newest = records.first else {
      throw DiskDefect(UInt64(DiskMetaFile.headerSize), "no record is whole").error(metaFile.path)
    }
    var chosen = newest
    var view: DiskView
    do throws(LogStoreError) {
      view = try load(newest.meta, directory, system, options)
      if !newest.isDurable {
        try check(view, after: records.dropFirst().first?.meta.end ?? DiskPosition())
      }
    } catch {
      guard case .corrupted = error, !newest.isDurable, records.count == 2 else { throw error }
      chosen = records[1]
      view = try load(chosen.meta, directory, system, options)
      metaFile.target = 1 - chosen.slot
    }
    if !chosen.isDurable {
      for file in view.files.values {
        try performing { () throws(FileSystemError) in try file.handle.sync() }
      }
      // Its own slot: the other one holds what a crash falls back to.
      metaFile.target = chosen.slot
    }
    if options.keys != nil {
      // A key of its own for each opening: no sequence meets one that a crash has cut off.
      metaFile = try DiskMetaFile.create(
        directory, system, options, view.meta, sequence: metaFile.sequence)
    }
    var log = StrictLog(directory, system, options, metaFile)
    try log.resume(view)
    log.durableStart = chosen.meta.start.file
    if !chosen.isDurable, options.keys == nil {
      log.hasUnsyncedRecord = true
      try log.barrier(view.meta)
    }
    try log.removeLeftovers(view.meta)
    return (log, view)
  }

  /// The entries of a state. Throws `corrupted` if the slots are not what was written.
  private static func load(
    _ meta: DiskMeta, _ directory: String, _ system: any RandomAccessFileSystem,
    _ options: DiskStorageOptions
  ) throws(LogStoreError) -> DiskView {
    var view = DiskView()
    view.meta = meta
    view.index = RegionIndex(
      startingAfter: meta.snapshot.metadata.index, term: meta.snapshot.metadata.term)
    view.index.hardState = meta.hardState
    func broken(_ reason: String) -> LogStoreError {
      DiskDefect(UInt64(DiskMetaFile.headerSize), reason).error(directory + "/wal.meta")
    }
    if meta.start != meta.end {
      guard meta.start.file > 0, meta.start.file <= meta.end.file,
        meta.end.file - meta.start.file < 1 << 20
      else { throw broken("entries from file \(meta.start.file) to \(meta.end.file)") }
      for file in meta.start.file...meta.end.file {
        view.files[file] = try DiskLogFile.open(file, directory, system, options.keys)
      }
      for file in meta.start.file...meta.end.file { try view.load(file, broken) }
    }
    guard meta.hardState.commit <= view.index.last else {
      throw broken(
        "commit \(meta.hardState.commit) is beyond the last index \(view.index.last)")
    }
    return view
  }

  /// Reads the payloads of the entries after a position.
  private static func check(
    _ view: DiskView, after end: DiskPosition
  ) throws(LogStoreError) {
    for (offset, location) in view.locations.enumerated()
    where (location.file, location.slot) >= (end.file, end.slot) {
      let index = view.index.lowest + UInt64(offset)
      _ = try view.files[location.file]?.data(
        location, term: try view.index.term(at: index), index: index)
    }
  }

  /// Continues the last file if its end is known, and it is not encrypted: else a new one is begun.
  private mutating func resume(_ view: DiskView) throws(LogStoreError) {
    oldest = view.meta.end.file
    guard let last = view.locations.last, options.keys == nil,
      last.file == view.meta.end.file, last.slot + 1 == view.meta.end.slot,
      let file = view.files[last.file], file.cipher == nil
    else { return }
    do throws(LogStoreError) {
      let data = try file.data(
        last, term: try view.index.term(at: view.index.last), index: view.index.last)
      dataEnd = UInt64(last.offset) + UInt64(DiskLogFile.payloadHeader + data.count)
      current = file
    } catch {
      // A read of the entry says what is wrong with it.
      guard case .corrupted = error else { throw error }
    }
  }

  /// Removes the files next to those in use: what a crash has left.
  private mutating func removeLeftovers(_ meta: DiskMeta) throws(LogStoreError) {
    var next = meta.end.file
    while next < .max, try remove(next + 1) { next += 1 }
    let first = meta.start == meta.end ? meta.end.file + 1 : meta.start.file
    var below = first
    while below > 1, try exists(below - 1) { below -= 1 }
    oldest = below
    try removeFiles(below: first)
  }

  private func exists(_ file: UInt32) throws(LogStoreError) -> Bool {
    try performing { () throws(FileSystemError) in
      try system.exists(directory + "/" + OriginalFormat.name(file))
    }
  }

  private func remove(_ file: UInt32) throws(LogStoreError) -> Bool {
    guard try exists(file) else { return false }
    try performing { () throws(FileSystemError) in
      try system.remove(directory + "/" + OriginalFormat.name(file))
    }
    return true
  }

  // MARK: Changing

  /// Writes a change and lets `view` show it. Throws without effect, unless `isPoisoned` says that the newest record may
  /// be damaged.
  ///
  /// - Parameter kept: the lowest index that stays in files: at most the first one.
  mutating func commit(
    _ change: DiskChange, _ durability: Durability, keeping kept: UInt64, _ view: inout DiskView,
    _ isPoisoned: inout Bool
  ) throws(LogStoreError) {
    var next = self
    var after = view
    after.meta = change.meta
    if change.isReset {
      after.index.lowest = change.entries.first?.index ?? change.index.first
      after.locations = []
    }
    let lowest = after.index.lowest
    after.index = change.index
    after.index.lowest = lowest
    // Written by a first change that failed, it stays used.
    defer { nonce = max(nonce, next.nonce) }
    if !change.entries.isEmpty { try next.write(change.entries, &after) }
    // An old tail goes only with entries that replace it.
    after.forget(through: min(kept, change.index.first) - 1)
    after.meta.start =
      after.location(change.index.first).map { DiskPosition(file: $0.file, slot: $0.slot) }
      ?? after.meta.end
    isPoisoned = true
    try next.record(after.meta, durability)
    isPoisoned = false
    let used = min(
      after.locations.first?.file ?? after.meta.start.file, after.meta.start.file)
    after.files = after.files.filter { $0.key >= used }
    self = next
    view = after
  }

  /// Writes payloads and slots, in runs of one file.
  private mutating func write(
    _ entries: [Entry], _ view: inout DiskView
  ) throws(LogStoreError) {
    var added: [DiskLocation] = []
    var payloads: [UInt8] = []
    var slots: [UInt8] = []
    for entry in entries {
      let size = entry.data.count + DiskLogFile.payloadHeader + SegmentFormat.tagSize
      guard size < 1 << 30 else { throw .batchTooLarge(limit: 1 << 30) }
      let end = dataEnd + UInt64(payloads.count)
      let isFull =
        current.map { file in
          view.meta.end.slot == file.header.slots
            || end > file.header.dataStart && end + UInt64(size) > options.maxFileBytes
        } ?? true
      if isFull {
        try flush(&payloads, &slots, view.meta.end)
        try rotate(&view)
      }
      guard let file = current else { preconditionFailure("no file to write to") }
      let (bytes, checksum) = try file.seal(
        entry.data, nonce: nonce, term: entry.term, index: entry.index)
      nonce += 1
      let location = DiskLocation(
        file: file.header.file, slot: view.meta.end.slot,
        offset: UInt32(dataEnd + UInt64(payloads.count)), checksum: checksum, type: entry.type)
      let slot = file.header.encode(
        location.slot, term: entry.term, index: entry.index, location)
      payloads += bytes
      slots += slot
      view.meta.checksum = CRC32C.of(slot, continuing: view.meta.checksum)
      view.meta.end.slot += 1
      added.append(location)
    }
    try flush(&payloads, &slots, view.meta.end)
    view.append(added, from: entries[0].index)
  }

  private mutating func flush(
    _ payloads: inout [UInt8], _ slots: inout [UInt8], _ end: DiskPosition
  ) throws(LogStoreError) {
    guard let file = current, !slots.isEmpty else { return }
    let count = UInt64(slots.count)
    let at = UInt64(DiskFileHeader.size) + UInt64(end.slot) * 32 - count
    let (data, table, offset) = (payloads, slots, dataEnd)
    try performing { () throws(FileSystemError) in
      try file.handle.write(data, at: offset)
      try file.handle.write(table, at: at)
    }
    if unsynced.last !== file { unsynced.append(file) }
    dataEnd += UInt64(payloads.count)
    payloads = []
    slots = []
  }

  /// Begins the next file.
  private mutating func rotate(_ view: inout DiskView) throws(LogStoreError) {
    let end = view.meta.end
    guard end.file < .max else {
      throw .io(operation: "create a file in \(directory)", reason: "no number is left")
    }
    var random = SplitMix64(
      seed: options.seed ^ UInt64(end.file + 1) &* 0x9E37_79B9_7F4A_7C15 ^ metaFile.salt)
    var header = DiskFileHeader(
      file: end.file + 1, slots: options.slotsPerFile, salt: random.next())
    header.previous = end.file
    header.previousSlots = end.slot
    header.previousChecksum = view.meta.checksum
    let file = try DiskLogFile.create(header, directory, system, options.keys)
    current = file
    dataEnd = header.dataStart
    nonce = 1
    if oldest == 0 || oldest > header.file { oldest = header.file }
    view.files[header.file] = file
    view.meta.end = DiskPosition(file: header.file, slot: 0)
    view.meta.checksum = 0
  }

  private mutating func record(
    _ meta: DiskMeta, _ durability: Durability
  ) throws(LogStoreError) {
    if !metaFile.hasRoom(for: meta) {
      try syncFiles()
      metaFile = try DiskMetaFile.create(
        directory, system, options, meta, sequence: metaFile.sequence)
      hasUnsyncedRecord = false
      durableStart = meta.start.file
      return
    }
    hasUnsyncedRecord = true
    if durability == .synced {
      try barrier(meta)
    } else {
      try metaFile.write(meta, isDurable: false)
    }
  }

  /// Makes the newest state durable: entries first, then the record that refers to them.
  mutating func barrier(_ meta: DiskMeta) throws(LogStoreError) {
    guard hasUnsyncedRecord else { return }
    try syncFiles()
    try metaFile.write(meta, isDurable: true)
    try metaFile.settle()
    hasUnsyncedRecord = false
    durableStart = meta.start.file
  }

  private mutating func syncFiles() throws(LogStoreError) {
    for file in unsynced {
      try performing { () throws(FileSystemError) in try file.handle.sync() }
    }
    unsynced = []
  }

  /// Writes the durable state a second time: damage of one record is then no loss.
  mutating func duplicate(_ meta: DiskMeta) throws(LogStoreError) {
    try metaFile.write(meta, isDurable: true)
    try metaFile.settle()
  }

  /// Removes the files below `file` that no state needs any more.
  mutating func removeFiles(below file: UInt32) throws(LogStoreError) {
    let end = min(file, durableStart == 0 ? file : durableStart)
    guard oldest > 0, oldest < end else { return }
    while oldest < end {
      _ = try remove(oldest)
      oldest += 1
    }
    try performing { () throws(FileSystemError) in try system.syncDirectory(directory) }
  }
}

extension DiskView {
  /// Adds the entries of a file. The files around it are open.
  fileprivate mutating func load(
    _ number: UInt32, _ broken: (String) -> LogStoreError
  ) throws(LogStoreError) {
    guard let file = files[number] else { throw broken("file \(number) is missing") }
    var (count, checksum) = (meta.end.slot, meta.checksum)
    if let next = files[number + 1]?.header {
      guard next.previous == number else {
        throw DiskDefect(24, "the file before is \(next.previous), not \(number)")
          .error(files[number + 1]?.path ?? "")
      }
      (count, checksum) = (next.previousSlots, next.previousChecksum)
    }
    let bytes = try file.slots(count)
    guard CRC32C.of(bytes) == checksum else {
      throw DiskDefect(
        UInt64(DiskFileHeader.size), "the first \(count) slots do not match their checksum"
      ).error(file.path)
    }
    let first = number == meta.start.file ? meta.start.slot : 0
    guard first <= count else { throw broken("the first slot is \(first) of \(count)") }
    do throws(DiskDefect) {
      for slot in first..<count {
        let at = Int(slot) * DiskFileHeader.slotSize
        let (term, found, location) = try file.header.decode(
          slot, Array(bytes[at..<at + DiskFileHeader.slotSize]))
        guard found > index.dummy.index, found <= index.last + 1, fits(term, at: found) else {
          throw DiskDefect(
            UInt64(DiskFileHeader.size + at),
            "entry \(found) of term \(term) does not fit after \(index.last)")
        }
        append([location], from: found)
        index.append(index: found, term: term)
      }
    } catch {
      throw error.error(file.path)
    }
  }

  /// Whether terms do not decrease.
  private func fits(_ term: UInt64, at index: UInt64) -> Bool {
    index == self.index.dummy.index + 1 || self.index.knownTerm(at: index - 1) <= term
  }
}
