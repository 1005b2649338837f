package import Raft
package import Runtime
import Synchronization

/// Options of a `DiskStorage`.
package struct DiskStorageOptions: Sendable {
  /// Of a new storage. An existing one keeps its own.
  package var format = DiskFormat.strict
  /// Whether a missing storage is created. Otherwise it is an error.
  package var createIfMissing = true
  /// The ids of a new storage.
  package var raftID: UInt64 = 0
  package var groupID: UInt64 = 0
  /// Entries of a file of the strict format; the original has 30,000.
  package var slotsPerFile: UInt32 = 30_000
  /// Bytes of a file above which the next entry goes to a new one. At most 1 GiB.
  package var maxFileBytes: UInt64 = 1 << 30
  /// Varies the salts of files.
  package var seed: UInt64 = 0
  /// Encrypts a storage of the strict format; nil: new files are plain.
  package var keys: (any SegmentKeys)?
  /// Whether the directory is locked. Not if a store above has done so.
  var locks = true
  /// Whether a new storage is that of a destroyed log, until something is written to it.
  var beginsDestroyed = false

  package init() {}
}

/// The raft log of one group in a directory of its own: dgraph's `DiskStorage`, with its files (`OriginalFormat`) or with
/// a strict format (`DiskFileHeader`, `DiskMetaFile`).
///
/// Any thread may call. Changes are serialized; indexes and terms are read without input or output. A change is buffered
/// until `sync`: it survives the end of the process, and a crash of the machine may lose it, with all later ones. After a
/// failed change of `wal.meta` or a failed sync the storage is poisoned: it is read only until it is opened again.
package final class DiskStorage: Sendable {
  /// One of the numbers in `wal.meta`.
  package enum Field: Sendable, CaseIterable {
    case raftID, groupID, checkpointIndex
  }

  private enum Log {
    case strict(StrictLog)
    case original(OriginalLog)
  }

  private struct Writer {
    var log: Log
    var poison: String?
    var isClosed = false
    var lock: (any FileLock)?
  }

  package let directory: String
  package let format: DiskFormat
  /// Lock order: before `view`.
  private let writer: Mutex<Writer>
  /// Never locked during a call that may block.
  private let view: Mutex<DiskView>

  /// Opens or creates the storage. Throws `locked`, `denied`, `noSpace`, `corrupted`, `newerFormat`, `wrongKey` or `io`.
  package init(
    directory: String, files: any RandomAccessFileSystem,
    options: DiskStorageOptions = DiskStorageOptions()
  ) throws(LogStoreError) {
    self.directory = directory
    let meta = directory + "/wal.meta"
    var lock: (any FileLock)?
    let exists = try performing { () throws(FileSystemError) in try files.exists(meta) }
    guard exists || options.createIfMissing else {
      throw .io(operation: "open \(directory)", reason: "there is no wal.meta")
    }
    if !exists {
      try performing { () throws(FileSystemError) in try files.createDirectory(directory) }
    }
    if options.locks {
      lock = try performing { () throws(FileSystemError) in try files.lock(directory + "/LOCK") }
      guard lock != nil else {
        throw .locked(path: directory, reason: "another process or store holds its lock")
      }
    }
    let isStrict =
      try exists
      ? Self.isStrict(meta, files)
      : Self.checkMissing(directory, files) && options.format == .strict
    format = isStrict ? .strict : .original
    let log: Log
    let opened: DiskView
    if isStrict {
      let (strict, view) =
        try exists
        ? StrictLog.open(directory, files, options) : StrictLog.create(directory, files, options)
      (log, opened) = (.strict(strict), view)
    } else {
      guard options.keys == nil else {
        throw .wrongKey(
          path: meta, reason: "the original format is not encrypted here; convert it first")
      }
      let (original, view) =
        try exists
        ? OriginalLog.open(directory, files) : OriginalLog.create(directory, files, options)
      (log, opened) = (.original(original), view)
    }
    writer = Mutex(Writer(log: log, lock: lock))
    view = Mutex(opened)
  }

  /// Opens or creates a storage whose entries and state are encrypted: dgraph's `InitEncrypted`.
  package convenience init(
    encrypted directory: String, files: any RandomAccessFileSystem, keys: any SegmentKeys,
    options: DiskStorageOptions = DiskStorageOptions()
  ) throws(LogStoreError) {
    var options = options
    options.keys = keys
    try self.init(directory: directory, files: files, options: options)
  }

  private static func isStrict(
    _ path: String, _ files: any RandomAccessFileSystem
  ) throws(LogStoreError) -> Bool {
    try performing { () throws(FileSystemError) in
      try files.openRandomAccess(path, create: false, readOnly: true)
        .read(at: 0, upTo: DiskMetaFile.magic.count) == DiskMetaFile.magic
    }
  }

  /// Entries without `wal.meta` are no new storage.
  private static func checkMissing(
    _ directory: String, _ files: any RandomAccessFileSystem
  ) throws(LogStoreError) -> Bool {
    let names = try performing { () throws(FileSystemError) in try files.list(directory) }
    if let name = names.first(where: { OriginalFormat.file($0) != nil }) {
      throw DiskDefect(0, "the file is missing, but there is \(name)").error(
        directory + "/wal.meta")
    }
    return true
  }

  // MARK: Changing

  /// The present state, as the start of a change.
  func change() -> DiskChange { DiskChange(view.withLock { $0 }) }

  var present: DiskView { view.withLock { $0 } }

  /// Whether a failure has ended writing.
  var isPoisoned: Bool { writer.withLock { $0.poison != nil } }

  /// Commits a change that began with the present state. Changes are the caller's to order.
  ///
  /// - Parameter kept: the lowest index whose entry stays in files.
  func commit(
    _ change: DiskChange, _ durability: Durability, keeping kept: UInt64 = .max
  ) throws(LogStoreError) {
    try changing { (writer) throws(LogStoreError) in
      var after = view.withLock { $0 }
      var isPoisoned = false
      do throws(LogStoreError) {
        switch writer.log {
        case .strict(var log):
          defer { writer.log = .strict(log) }
          try log.commit(
            change, durability, keeping: min(kept, change.index.first), &after, &isPoisoned)
          if durability == .synced { try log.removeFiles(below: Self.oldest(after)) }
        case .original(var log):
          defer { writer.log = .original(log) }
          try log.commit(change, durability, &after, &isPoisoned)
        }
      } catch {
        if isPoisoned { writer.poison = "\(error)" }
        throw error
      }
      view.withLock { [after] in $0 = after }
    }
  }

  private static func oldest(_ view: DiskView) -> UInt32 {
    view.meta.start == view.meta.end && view.locations.isEmpty
      ? view.meta.end.file
      : min(view.locations.first?.file ?? view.meta.start.file, view.meta.start.file)
  }

  private func changing<R>(
    _ body: (inout Writer) throws(LogStoreError) -> R
  ) throws(LogStoreError) -> R {
    try writer.withLock { (writer) throws(LogStoreError) in
      if writer.isClosed { throw .closed }
      if let poison = writer.poison { throw .poisoned(poison) }
      return try body(&writer)
    }
  }

  /// Makes everything durable: entries first, then the state that refers to them.
  package func sync() throws(LogStoreError) {
    try changing { (writer) throws(LogStoreError) in try barrier(&writer) }
  }

  private func barrier(_ writer: inout Writer) throws(LogStoreError) {
    let present = view.withLock { $0 }
    do throws(LogStoreError) {
      switch writer.log {
      case .strict(var log):
        defer { writer.log = .strict(log) }
        try log.barrier(present.meta)
        try log.removeFiles(below: Self.oldest(present))
      case .original(var log):
        defer { writer.log = .original(log) }
        try log.barrier()
      }
    } catch {
      writer.poison = "\(error)"
      throw error
    }
  }

  /// Forgets entries below `kept`, which is at most the first index, and removes the files that only had such.
  func purge(keeping kept: UInt64) throws(LogStoreError) {
    view.withLock { view in
      view.forget(through: min(kept, view.index.first) - 1)
      let oldest = Self.oldest(view)
      view.files = view.files.filter { $0.key >= oldest }
    }
    try sync()
  }

  /// Makes everything durable and ends the use of the directory. Later calls throw `closed`; a second one does nothing.
  package func close() throws(LogStoreError) {
    try writer.withLock { (writer) throws(LogStoreError) in
      guard !writer.isClosed else { return }
      defer {
        writer.isClosed = true
        writer.lock = nil
      }
      if let poison = writer.poison { throw .poisoned(poison) }
      try barrier(&writer)
      guard case .strict(var log) = writer.log else { return }
      try log.duplicate(view.withLock { $0.meta })
      writer.log = .strict(log)
    }
  }

  // MARK: Entries

  /// The entries in `[from, to)`, as `RaftLogStore.entries` selects them.
  package func entries(
    from: UInt64, to: UInt64, maxBytes: UInt64
  ) throws(LogStoreError) -> [Entry] {
    if format == .strict {
      let isClosed = writer.withLock { $0.isClosed }
      if isClosed { throw .closed }
      return try read(present, from, to, maxBytes) {
        (view, location, term, index) throws(LogStoreError) in
        guard let file = view.files[location.file] else {
          throw .corrupted(location: directory, reason: "file \(location.file) is not in use")
        }
        return try file.data(location, term: term, index: index)
      }
    }
    // Its files are written in place.
    return try writer.withLock { (writer) throws(LogStoreError) in
      if writer.isClosed { throw .closed }
      guard case .original(let log) = writer.log else { return [] }
      return try read(view.withLock { $0 }, from, to, maxBytes) {
        (view, location, _, index) throws(LogStoreError) in
        try log.data(location, index: index, next: view.location(index + 1))
      }
    }
  }

  private func read(
    _ view: DiskView, _ from: UInt64, _ to: UInt64, _ maxBytes: UInt64,
    _ data: (DiskView, DiskLocation, UInt64, UInt64) throws(LogStoreError) -> [UInt8]
  ) throws(LogStoreError) -> [Entry] {
    try view.index.checkRange(from: from, to: to)
    var entries: [Entry] = []
    var bytes: UInt64 = 0
    var index = from
    while index < to {
      guard let location = view.location(index) else {
        throw .corrupted(location: directory, reason: "entry \(index) is in no file")
      }
      let term = try view.index.term(at: index)
      let entry = Entry(
        type: location.type, term: term, index: index,
        data: try data(view, location, term, index))
      bytes = bytes.addingReportingOverflow(entry.encodedSize).partialValue
      if !entries.isEmpty, bytes > maxBytes { break }
      entries.append(entry)
      index += 1
    }
    return entries
  }

  /// Removes the data of normal entries below `index` that are stored in the original format, for inspection of a
  /// directory: dgraph's `TruncateEntriesUntil`. The entries stay. Throws `invalidBatch` in the strict format.
  package func truncateEntries(until index: UInt64) throws(LogStoreError) {
    try changing { (writer) throws(LogStoreError) in
      guard case .original(let log) = writer.log else {
        throw .invalidBatch(region: 0, reason: "the strict format keeps the data of its entries")
      }
      var after = view.withLock { $0 }
      try log.clear(below: index, &after)
      view.withLock { [after] in $0 = after }
    }
  }

  // MARK: For a store of many logs

  /// The places of the entries, and their bytes.
  var contentBytes: UInt64 {
    get throws(LogStoreError) {
      let view = present
      return try performing { () throws(FileSystemError) in
        var bytes: UInt64 = 0
        for file in view.files.values { bytes += try file.handle.size() }
        return bytes
      }
    }
  }

  /// Reads the slots of all entries, and with `deep` their data. Throws `corrupted`.
  func verify(deep: Bool) throws(LogStoreError) {
    let view = present
    guard format == .strict else {
      _ = try entries(from: view.index.first, to: view.index.last + 1, maxBytes: .max)
      return
    }
    var tables: [UInt32: [UInt8]] = [:]
    for (position, location) in view.locations.enumerated() {
      let index = view.index.lowest + UInt64(position)
      guard let file = view.files[location.file] else {
        throw .corrupted(location: directory, reason: "entry \(index) is in no file")
      }
      if tables[location.file] == nil {
        let last = view.locations.last { $0.file == location.file }?.slot ?? location.slot
        tables = [location.file: try file.slots(last + 1)]
      }
      let at = Int(location.slot) * DiskFileHeader.slotSize
      let slot = Array((tables[location.file] ?? [])[at..<at + DiskFileHeader.slotSize])
      do throws(DiskDefect) {
        let (term, found, stored) = try file.header.decode(location.slot, slot)
        let isKnown = index < view.index.first || view.index.knownTerm(at: index) == term
        guard found == index, stored == location, isKnown else {
          throw DiskDefect(
            UInt64(DiskFileHeader.size + at), "slot \(location.slot) is not that of entry \(index)")
        }
        if deep { _ = try check(file, location, term, index) }
      } catch {
        throw error.error(file.path)
      }
    }
  }

  private func check(
    _ file: DiskLogFile, _ location: DiskLocation, _ term: UInt64, _ index: UInt64
  ) throws(DiskDefect) {
    do throws(LogStoreError) {
      _ = try file.data(location, term: term, index: index)
    } catch {
      throw DiskDefect(UInt64(location.offset), "\(error)")
    }
  }

  /// Removes all files of a log that was destroyed, and its directory. Entries first: without its state a log is damage.
  func remove(_ files: any RandomAccessFileSystem) throws(LogStoreError) {
    try writer.withLock { (writer) throws(LogStoreError) in
      writer.isClosed = true
      try performing { () throws(FileSystemError) in
        for name in try files.list(directory) where OriginalFormat.file(name) != nil {
          try files.remove(directory + "/" + name)
        }
        try files.syncDirectory(directory)
        try files.remove(directory + "/wal.meta")
        try files.removeTree(directory)
      }
    }
  }

  /// Copies the files that the present state needs. Everything must be durable.
  func copy(to target: String, _ files: any RandomAccessFileSystem) throws(LogStoreError) {
    let view = present
    let names = ["wal.meta"] + view.files.keys.sorted().map(OriginalFormat.name)
    try writer.withLock { (_) throws(LogStoreError) in
      try performing { () throws(FileSystemError) in
        try files.createDirectory(target)
        for name in names {
          let source = try files.open(directory + "/" + name)
          let copy = try files.openRandomAccess(
            target + "/" + name, create: true, readOnly: false)
          var offset: UInt64 = 0
          while true {
            let piece = try source.read(at: offset, upTo: 1 << 20)
            if piece.isEmpty { break }
            try copy.write(piece, at: offset)
            offset += UInt64(piece.count)
          }
          try copy.sync()
        }
        try files.syncDirectory(target)
      }
    }
  }
}
