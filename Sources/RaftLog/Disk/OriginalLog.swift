import Protobuf
import Raft
import Runtime

/// Reads and writes the files of dgraph's `DiskStorage` (`OriginalFormat`). It has no checksums and changes files in
/// place: a crash of the machine may leave part of a change. What shows as damage is an error.
struct OriginalLog: Sendable {
  /// A log file: consecutive entries from slot 0 on.
  private struct File: Sendable {
    var number: UInt32
    var path: String
    var handle: any RandomAccessFile
    /// Of slot 0; 0 without entries.
    var first: UInt64 = 0
    var count: UInt32 = 0
    /// Where the next payload goes.
    var dataEnd = OriginalFormat.dataStart

    /// Of the last slot; 0 without entries.
    var last: UInt64 { count == 0 ? 0 : first + UInt64(count) - 1 }
  }

  /// In the type of a slot whose data was removed; the original does not read this byte.
  private static let clearedMark: UInt64 = 1 << 56

  private let directory: String
  private let system: any RandomAccessFileSystem
  private let metaFile: any RandomAccessFile
  /// Ascending; the last is written to.
  private var files: [File] = []
  private var nextNumber: UInt32 = 1
  private var unsynced: Set<UInt32> = []
  private var isMetaUnsynced = false

  private var metaPath: String { directory + "/wal.meta" }

  // MARK: Opening

  /// Creates the files of an empty log.
  static func create(
    _ directory: String, _ system: any RandomAccessFileSystem, _ options: DiskStorageOptions
  ) throws(LogStoreError) -> (OriginalLog, DiskView) {
    let path = directory + "/wal.meta"
    var view = DiskView()
    view.meta.raftID = options.raftID
    view.meta.groupID = options.groupID
    let numbers = Self.numbers(view.meta)
    let handle = try performing { () throws(FileSystemError) in
      try system.remove(path + ".tmp")
      let handle = try system.openRandomAccess(path + ".tmp", create: true, readOnly: false)
      try handle.truncate(to: UInt64(OriginalFormat.metaBytes))
      try handle.write(numbers, at: 0)
      try handle.sync()
      try system.rename(path + ".tmp", to: path)
      try system.syncDirectory(directory)
      return handle
    }
    return (OriginalLog(directory: directory, system: system, metaFile: handle), view)
  }

  private init(
    directory: String, system: any RandomAccessFileSystem, metaFile: any RandomAccessFile
  ) {
    self.directory = directory
    self.system = system
    self.metaFile = metaFile
  }

  static func open(
    _ directory: String, _ system: any RandomAccessFileSystem
  ) throws(LogStoreError) -> (OriginalLog, DiskView) {
    let path = directory + "/wal.meta"
    let (handle, bytes, names) = try performing { () throws(FileSystemError) in
      (
        try system.openRandomAccess(path, create: false, readOnly: false),
        try system.contents(of: path), try system.list(directory)
      )
    }
    var log = OriginalLog(directory: directory, system: system, metaFile: handle)
    var view = DiskView()
    do throws(DiskDefect) {
      view.meta = try decode(bytes)
    } catch {
      throw error.error(path)
    }
    for number in names.compactMap(OriginalFormat.file).sorted() {
      try log.open(number, &view)
    }
    try log.apply(&view)
    return (log, view)
  }

  private static func decode(_ bytes: [UInt8]) throws(DiskDefect) -> DiskMeta {
    guard bytes.count >= OriginalFormat.snapshotOffset + 4 else {
      throw DiskDefect(UInt64(bytes.count), "the file is cut off")
    }
    func number(_ at: Int) -> UInt64 { UInt64(bigEndian: bytes[at..<at + 8]) }
    var meta = DiskMeta()
    meta.raftID = number(0)
    meta.groupID = number(8)
    meta.checkpoint = number(16)
    let state = OriginalFormat.hardStateOffset
    meta.hardState =
      try record(HardState.self, bytes, state, OriginalFormat.snapshotIndexOffset) ?? HardState()
    let at = OriginalFormat.snapshotOffset
    let (index, term) = (number(at - 16), number(at - 8))
    meta.snapshot = try record(Snapshot.self, bytes, at, bytes.count) ?? Snapshot()
    guard meta.snapshot.metadata.index == index, meta.snapshot.metadata.term == term else {
      throw DiskDefect(
        UInt64(at - 16),
        "index \(index) and term \(term) are not those of the snapshot, "
          + "\(meta.snapshot.metadata.index) and \(meta.snapshot.metadata.term)")
    }
    guard index < .max else { throw DiskDefect(UInt64(at - 16), "the snapshot has no next index") }
    return meta
  }

  /// The record behind its length at `offset`; nil for the length 0.
  private static func record<Record: ProtoRecord>(
    _ type: Record.Type, _ bytes: [UInt8], _ offset: Int, _ end: Int
  ) throws(DiskDefect) -> Record? {
    let length = Int(UInt32(bigEndian: bytes[offset..<offset + 4]))
    guard length > 0 else { return nil }
    guard length <= end - offset - 4 else {
      throw DiskDefect(UInt64(offset), "a record of \(length) bytes is cut off")
    }
    do throws(CodecError) {
      return try Record(
        decoding: Array(bytes[offset + 4..<offset + 4 + length]), strict: true)
    } catch {
      throw DiskDefect(UInt64(offset), "the record cannot be decoded: \(error)")
    }
  }

  /// Opens a log file, and adds its entries to the view, which has no index yet.
  private mutating func open(_ number: UInt32, _ view: inout DiskView) throws(LogStoreError) {
    let path = directory + "/" + OriginalFormat.name(number)
    let (handle, table, size) = try performing { () throws(FileSystemError) in
      let handle = try system.openRandomAccess(path, create: false, readOnly: false)
      return (
        handle, try handle.read(at: 0, upTo: Int(OriginalFormat.dataStart)), try handle.size()
      )
    }
    nextNumber = number == .max ? .max : number + 1
    var file = File(number: number, path: path, handle: handle)
    do throws(DiskDefect) {
      try scan(&file, table, size, &view)
    } catch {
      throw error.error(path)
    }
    let key =
      table.count < OriginalFormat.keyIDOffset + 8
      ? 0 : UInt64(bigEndian: table[OriginalFormat.keyIDOffset..<OriginalFormat.keyIDOffset + 8])
    guard key == 0 else {
      throw .wrongKey(
        path: path, reason: "it is encrypted by dgraph's data key \(key); decrypt it with dgraph")
    }
    files.append(file)
  }

  private func scan(
    _ file: inout File, _ table: [UInt8], _ size: UInt64, _ view: inout DiskView
  ) throws(DiskDefect) {
    let slots = min(OriginalFormat.slots, table.count / OriginalFormat.slotSize)
    var lastOffset: UInt64 = 0
    for slot in 0..<slots {
      let at = slot * OriginalFormat.slotSize
      let found = OriginalFormat.decode(table[at..<at + OriginalFormat.slotSize])
      if found.index == 0 {
        let end = slots * OriginalFormat.slotSize
        guard !Self.hasBytes(table, at..<end) else {
          throw DiskDefect(UInt64(at), "slot \(slot) is free, but later ones are not")
        }
        break
      }
      let (last, term) = (
        view.index.last, view.locations.isEmpty ? 0 : view.index.knownTerm(at: view.index.last)
      )
      guard found.index < .max, view.locations.isEmpty || found.index == last + 1,
        found.term >= term
      else {
        throw DiskDefect(
          UInt64(at), "entry \(found.index) of term \(found.term) follows entry \(last) of \(term)")
      }
      let low = lastOffset == 0 ? OriginalFormat.dataStart : lastOffset + 4
      guard found.offset >= low, found.offset <= OriginalFormat.maxFileBytes,
        found.offset + 4 <= size,
        let type = EntryType(rawValue: UInt8(truncatingIfNeeded: found.type)),
        found.type & ~(Self.clearedMark | 0xff) == 0
      else {
        throw DiskDefect(
          UInt64(at), "slot \(slot) has offset \(found.offset) and type \(found.type)")
      }
      if view.locations.isEmpty {
        view.index = RegionIndex(startingAfter: found.index - 1, term: 0)
      }
      lastOffset = found.offset
      view.index.append(index: found.index, term: found.term)
      view.locations.append(
        DiskLocation(
          file: file.number, slot: UInt32(slot), offset: UInt32(found.offset),
          checksum: found.type & Self.clearedMark == 0 ? 0 : 1, type: type))
      if file.count == 0 { file.first = found.index }
      file.count += 1
    }
    guard lastOffset > 0 else { return }
    file.dataEnd = try end(file, lastOffset, size)
  }

  private func end(
    _ file: File, _ offset: UInt64, _ size: UInt64
  ) throws(DiskDefect) -> UInt64 {
    let head: [UInt8]
    do throws(FileSystemError) {
      head = try file.handle.read(at: offset, upTo: 4)
    } catch {
      throw DiskDefect(offset, "\(error)")
    }
    let end = offset + 4 + UInt64(UInt32(bigEndian: head[...]))
    guard end <= size else { throw DiskDefect(offset, "the payload is cut off") }
    return end
  }

  private static func hasBytes(_ bytes: [UInt8], _ range: Range<Int>) -> Bool {
    bytes.withUnsafeBytes { memory in
      stride(from: range.lowerBound, to: range.upperBound, by: 8).contains {
        memory.loadUnaligned(fromByteOffset: $0, as: UInt64.self) != 0
      }
    }
  }

  /// Lets the snapshot count: entries up to it are no longer in the log, and those of another log are not either.
  private func apply(_ view: inout DiskView) throws(LogStoreError) {
    let (index, term) = (view.meta.snapshot.metadata.index, view.meta.snapshot.metadata.term)
    view.index.hardState = view.meta.hardState
    if index > 0 {
      let state = view.index.hardState
      let first = view.index.first
      if index >= first, index <= view.index.last, view.index.hasTerm(term, at: index) {
        view.index.compact(to: index, term: term)
        view.forget(through: index)
      } else if view.locations.isEmpty || index + 1 != first {
        // The original leaves the old entries in place when a snapshot comes that does not fit them.
        guard view.locations.isEmpty || index >= first else {
          throw DiskDefect(
            0, "entries from \(index + 1) to \(first - 1) are missing"
          ).error(files.first?.path ?? metaPath)
        }
        view.locations = []
        view.index = RegionIndex(startingAfter: index, term: term)
      } else {
        let pieces = view.index.pieces(from: first, through: view.index.last)
        view.index = RegionIndex(startingAfter: index, term: term)
        for piece in pieces {
          view.index.append(index: piece.first, term: piece.term)
          view.index.extend(to: piece.last)
        }
      }
      view.index.hardState = state
    }
    guard view.meta.hardState.commit <= view.index.last else {
      throw DiskDefect(
        UInt64(OriginalFormat.hardStateOffset),
        "commit \(view.meta.hardState.commit) is beyond the last index \(view.index.last)"
      ).error(metaPath)
    }
  }

  // MARK: Changing

  mutating func commit(
    _ change: DiskChange, _ durability: Durability, _ view: inout DiskView,
    _ isPoisoned: inout Bool
  ) throws(LogStoreError) {
    guard change.meta.pairs.isEmpty, !change.meta.isDestroyed else {
      throw .invalidBatch(
        region: change.meta.groupID, reason: "the original format has no keys and no tombstones")
    }
    isPoisoned = true
    var after = view
    after.meta = change.meta
    let lowest = change.isReset ? change.entries.first?.index ?? change.index.first : nil
    after.index = change.index
    after.index.lowest = lowest ?? view.index.lowest
    if change.isReset {
      after.locations = []
      // First: entries that do not fit a snapshot are recognized, a missing snapshot is not.
      try writeMeta(change.meta, view.meta)
      try removeAll()
    }
    if let first = change.entries.first?.index {
      try truncate(from: first)
      after.append(try write(change.entries), from: first)
    }
    after.forget(through: change.index.dummy.index)
    if !change.isReset { try writeMeta(change.meta, view.meta) }
    try removeFiles(through: change.index.dummy.index)
    if durability == .synced { try barrier() }
    view = after
    isPoisoned = false
  }

  private mutating func writeMeta(
    _ meta: DiskMeta, _ old: DiskMeta
  ) throws(LogStoreError) {
    var writes: [(at: UInt64, bytes: [UInt8])] = []
    if Self.numbers(meta) != Self.numbers(old) { writes.append((0, Self.numbers(meta))) }
    if meta.hardState != old.hardState {
      let record = RaftpbEncoding.bytes(meta.hardState)
      var bytes: [UInt8] = []
      bytes.appendBigEndian(UInt32(record.count))
      writes.append((UInt64(OriginalFormat.hardStateOffset), bytes + record))
    }
    if meta.snapshot != old.snapshot {
      let record = RaftpbEncoding.bytes(meta.snapshot)
      var bytes: [UInt8] = []
      bytes.appendBigEndian(meta.snapshot.metadata.index)
      bytes.appendBigEndian(meta.snapshot.metadata.term)
      bytes.appendBigEndian(UInt32(record.count))
      writes.append((UInt64(OriginalFormat.snapshotIndexOffset), bytes + record))
    }
    guard !writes.isEmpty else { return }
    isMetaUnsynced = true
    for (at, bytes) in writes {
      try performing { () throws(FileSystemError) in try metaFile.write(bytes, at: at) }
    }
  }

  private static func numbers(_ meta: DiskMeta) -> [UInt8] {
    var bytes: [UInt8] = []
    for number in [meta.raftID, meta.groupID, meta.checkpoint] { bytes.appendBigEndian(number) }
    return bytes
  }

  /// Removes the entries from `index` on: files that begin there or later, and slots. Never what is behind the slots.
  private mutating func truncate(from index: UInt64) throws(LogStoreError) {
    while let file = files.last, file.count == 0 || file.first >= index {
      if files.count == 1, file.count == 0 { return }
      try remove(file)
      files.removeLast()
    }
    guard var file = files.last, file.last >= index else {
      // Entries below a snapshot, and a log that continues after it.
      if let last = files.last?.last, last + 1 < index { try removeAll() }
      return
    }
    let kept = UInt32(index - file.first)
    let at = UInt64(kept) * UInt64(OriginalFormat.slotSize)
    let zeros = [UInt8](
      repeating: 0, count: Int(file.count - kept) * OriginalFormat.slotSize)
    let next = try performing { () throws(FileSystemError) in
      let slot = try file.handle.read(at: at, upTo: OriginalFormat.slotSize)
      try file.handle.write(zeros, at: at)
      return slot
    }
    // Payloads have no gaps: the next one goes where that of the first removed slot was.
    file.dataEnd = OriginalFormat.decode(next[...]).offset
    file.count = kept
    unsynced.insert(file.number)
    files[files.count - 1] = file
  }

  private mutating func write(_ entries: [Entry]) throws(LogStoreError) -> [DiskLocation] {
    var locations: [DiskLocation] = []
    for entry in entries {
      let size = UInt64(entry.data.count) + 4
      guard size < OriginalFormat.maxFileBytes - OriginalFormat.dataStart else {
        throw .batchTooLarge(limit: Int(OriginalFormat.maxFileBytes - OriginalFormat.dataStart))
      }
      let isFull =
        files.last.map {
          $0.count == UInt32(OriginalFormat.slots)
            || $0.dataEnd + size > OriginalFormat.maxFileBytes
        } ?? true
      if isFull { try rotate() }
      guard var file = files.last else { preconditionFailure("no file to write to") }
      var payload: [UInt8] = []
      payload.appendBigEndian(UInt32(entry.data.count))
      payload += entry.data
      let slot = OriginalFormat.encode(
        OriginalFormat.Slot(
          term: entry.term, index: entry.index, offset: file.dataEnd,
          type: UInt64(entry.type.rawValue)))
      let (end, at) = (file.dataEnd, UInt64(file.count) * UInt64(OriginalFormat.slotSize))
      try performing { () throws(FileSystemError) in
        try file.handle.write(payload, at: end)
        try file.handle.write(slot, at: at)
      }
      locations.append(
        DiskLocation(
          file: file.number, slot: file.count, offset: UInt32(end), checksum: 0,
          type: entry.type))
      if file.count == 0 { file.first = entry.index }
      file.count += 1
      file.dataEnd += size
      unsynced.insert(file.number)
      files[files.count - 1] = file
    }
    return locations
  }

  /// Cuts the last file to its end and begins the next.
  private mutating func rotate() throws(LogStoreError) {
    let (number, old) = (nextNumber, files.last)
    let path = directory + "/" + OriginalFormat.name(number)
    let handle = try performing { () throws(FileSystemError) in
      if let old { try old.handle.truncate(to: old.dataEnd) }
      let handle = try system.openRandomAccess(path, create: true, readOnly: false)
      try handle.truncate(to: OriginalFormat.dataStart)
      try handle.sync()
      try system.syncDirectory(directory)
      return handle
    }
    if let old { unsynced.insert(old.number) }
    files.append(File(number: number, path: path, handle: handle))
    nextNumber += 1
  }

  private mutating func removeAll() throws(LogStoreError) {
    for file in files.reversed() { try remove(file) }
    files = []
  }

  private mutating func remove(_ file: File) throws(LogStoreError) {
    unsynced.remove(file.number)
    try performing { () throws(FileSystemError) in
      try system.remove(file.path)
      try system.syncDirectory(directory)
    }
  }

  /// Removes the files all of whose entries are up to `index`, except the last.
  private mutating func removeFiles(through index: UInt64) throws(LogStoreError) {
    guard files.count > 1, files[0].last <= index else { return }
    // Before the files that it replaces are gone, the snapshot is durable.
    try barrier()
    while files.count > 1, files[0].last <= index { try remove(files.removeFirst()) }
  }

  /// Makes everything durable: entries first.
  mutating func barrier() throws(LogStoreError) {
    for file in files where unsynced.contains(file.number) {
      try performing { () throws(FileSystemError) in try file.handle.sync() }
    }
    unsynced = []
    guard isMetaUnsynced else { return }
    try performing { () throws(FileSystemError) in try metaFile.sync() }
    isMetaUnsynced = false
  }

  // MARK: Data

  /// The data of an entry.
  ///
  /// - Parameter next: the location of the following entry: its payload begins where this one ends.
  func data(
    _ location: DiskLocation, index: UInt64, next: DiskLocation?
  ) throws(LogStoreError) -> [UInt8] {
    guard let file = files.first(where: { $0.number == location.file }) else {
      throw .corrupted(location: directory, reason: "file \(location.file) is not in use")
    }
    if location.checksum == 1 { return [] }
    let offset = UInt64(location.offset)
    let end = next.flatMap { $0.file == location.file ? UInt64($0.offset) : nil } ?? file.dataEnd
    let bytes = try performing { () throws(FileSystemError) in
      try file.handle.read(at: offset, upTo: Int(end - offset))
    }
    guard bytes.count == Int(end - offset), bytes.count >= 4,
      Int(UInt32(bigEndian: bytes[..<4])) == bytes.count - 4
    else {
      throw DiskDefect(
        offset, "the payload of entry \(index) does not end where the next begins"
      ).error(file.path)
    }
    return Array(bytes[4...])
  }

  /// Removes the data of the normal entries below `index`.
  func clear(below index: UInt64, _ view: inout DiskView) throws(LogStoreError) {
    for position in view.locations.indices
    where view.index.lowest + UInt64(position) < index && view.locations[position].type == .normal {
      let location = view.locations[position]
      guard let file = files.first(where: { $0.number == location.file }) else { continue }
      let at = UInt64(location.slot) * UInt64(OriginalFormat.slotSize) + 24
      var type: [UInt8] = []
      type.appendBigEndian(Self.clearedMark)
      try performing { () throws(FileSystemError) in
        try file.handle.write(type, at: at)
        try file.handle.write([0, 0, 0, 0], at: UInt64(location.offset))
      }
      view.locations[position].checksum = 1
    }
  }
}
