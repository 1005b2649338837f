package import Raft
package import Runtime

/// etcd's write-ahead log: the entries and hard states of one raft group in a directory of segments, in etcd's format to
/// the byte (etcd 3.4 and later, `server/storage/wal`). One owner, on one thread at a time.
///
/// A record is a length, a protobuf record with the checksum of all data before it, and padding up to a multiple of 8.
/// A segment begins with the checksum of the one before, the metadata, and the hard state. Unused space at its end is zero.
///
/// - Durability: `save` decides itself, as raft requires; `sync` is a barrier. A failed write is undone; a failed barrier,
///   or a failure to undo, poisons the WAL.
package struct EtcdWAL: Sendable {
  /// Options of a WAL.
  package struct Options: Sendable {
    /// Bytes of a segment beyond which the next save begins another one. Each is created with this size.
    package var segmentBytes: UInt64 = 64_000_000
    /// Whether segments are locked (`flock`) while they are needed. The locks of etcd's own processes are of another kind:
    /// neither sees the other's.
    package var locksSegments = true

    package init() {}
  }

  /// A segment that is needed.
  struct Segment: Sendable {
    var name: EtcdSegmentName
    var lock: (any FileLock)?
  }

  let directory: EtcdDirectory
  let options: Options
  /// What the owner has stored with the WAL when it was created.
  package let metadata: [UInt8]
  /// Those that are not released, consecutive; the last one is written to. Never empty.
  private(set) var segments: [Segment]
  /// The file of the last segment; nil while it is closed.
  private var file: (any RandomAccessFile)?
  /// Where the next record is written.
  private(set) var offset: UInt64
  /// The running checksum there.
  private(set) var crc: UInt32
  private(set) var hardState: HardState
  /// Of the last entry that was saved, or of a later snapshot.
  private(set) var lastIndex: UInt64
  /// Whether something was written since the last barrier.
  private(set) var isDirty = false
  private(set) var poison: String?

  // MARK: Creating and opening

  /// Creates a WAL, durable, in a directory that has none: it is made as `<path>.tmp`, which is then renamed.
  package static func create(
    _ path: String, _ files: any RandomAccessFileSystem, metadata: [UInt8],
    options: Options = Options()
  ) throws(EtcdWALError) -> EtcdWAL {
    let directory = EtcdDirectory(path: path, system: files)
    guard try directory.segments().isEmpty else { throw .exists(path: path) }
    let temporary = EtcdDirectory(path: path + ".tmp", system: files)
    let name = EtcdSegmentName(sequence: 0, index: 0)
    try temporary.performing { (files) throws(FileSystemError) in
      try files.removeTree(temporary.path)
      try files.createDirectory(temporary.path)
    }
    let file = try temporary.open(name, create: true, readOnly: false)
    let lock = options.locksSegments ? try temporary.lock("\(name)") : nil
    var head = EtcdFrames(continuing: 0)
    head.append(EtcdRecord.crc, nil)
    head.append(EtcdRecord.metadata, metadata)
    head.append(EtcdSnapshotRecord())
    let bytes = head.bytes
    try temporary.performing { (files) throws(FileSystemError) in
      try file.truncate(to: options.segmentBytes)
      try file.write(bytes, at: 0)
      try file.sync()
      try files.syncDirectory(temporary.path)
      // A directory without segments may be there.
      if try files.exists(path), try files.list(path).isEmpty { try files.removeTree(path) }
      try files.rename(temporary.path, to: path)
    }
    do throws(EtcdWALError) {
      try directory.performing { (files) throws(FileSystemError) in
        try files.syncDirectory(directory.parent)
      }
    } catch {
      // A WAL that may vanish must not be found and used.
      try directory.performing { (files) throws(FileSystemError) in
        try files.rename(path, to: temporary.path)
      }
      throw error
    }
    return EtcdWAL(
      directory: directory, options: options, metadata: metadata,
      segments: [Segment(name: name, lock: lock)], file: file, offset: UInt64(bytes.count),
      crc: head.crc, hardState: HardState(), lastIndex: 0)
  }

  /// Opens a WAL for writing and reads what it holds from a snapshot on.
  ///
  /// Throws `torn` if the last segment ends with an incomplete record: call `repair` once, and open again.
  package static func open(
    _ path: String, _ files: any RandomAccessFileSystem,
    at snapshot: EtcdSnapshotRecord = EtcdSnapshotRecord(), options: Options = Options()
  ) throws(EtcdWALError) -> (wal: EtcdWAL, contents: EtcdContents) {
    let directory = EtcdDirectory(path: path, system: files)
    let names = try directory.segments(from: snapshot.index)
    let segments = try Self.lock(names, directory, options)
    let (replay, stream) = try Self.replay(directory, names, from: snapshot)
    if let defect = stream.defect { throw defect }
    let contents = try replay.contents()
    var wal = EtcdWAL(
      directory: directory, options: options, metadata: contents.metadata, segments: segments,
      file: nil, offset: stream.offset, crc: stream.crc, hardState: contents.hardState,
      lastIndex: replay.lastIndex)
    try wal.clearTail()
    return (wal, contents)
  }

  static func lock(
    _ names: [EtcdSegmentName], _ directory: EtcdDirectory, _ options: Options
  ) throws(EtcdWALError) -> [Segment] {
    var segments: [Segment] = []
    for name in names {
      let lock = options.locksSegments ? try directory.lock("\(name)") : nil
      segments.append(Segment(name: name, lock: lock))
    }
    return segments
  }

  init(
    directory: EtcdDirectory, options: Options, metadata: [UInt8], segments: [Segment],
    file: (any RandomAccessFile)?, offset: UInt64, crc: UInt32, hardState: HardState,
    lastIndex: UInt64
  ) {
    precondition(!segments.isEmpty, "a WAL without segments")
    self.directory = directory
    self.options = options
    self.metadata = metadata
    self.segments = segments
    self.file = file
    self.offset = offset
    self.crc = crc
    self.hardState = hardState
    self.lastIndex = lastIndex
  }

  /// Makes everything behind the last record zero, and gives the segment its size. Durable with the next barrier.
  mutating func clearTail() throws(EtcdWALError) {
    let file = try open()
    let (end, size) = (offset, max(offset, options.segmentBytes))
    try directory.performing { (_) throws(FileSystemError) in
      try file.truncate(to: end)
      try file.truncate(to: size)
    }
    isDirty = true
  }

  // MARK: The file

  var activeName: EtcdSegmentName { segments[segments.count - 1].name }
  var isOpen: Bool { file != nil }

  private mutating func open() throws(EtcdWALError) -> any RandomAccessFile {
    if let file { return file }
    let opened = try directory.open(activeName, readOnly: false)
    file = opened
    return opened
  }

  /// Closes the file after a barrier; it is opened again when it is needed.
  mutating func rest() throws(EtcdWALError) {
    try sync()
    file = nil
  }

  func check() throws(EtcdWALError) {
    if let poison { throw .poisoned(poison) }
  }

  /// Writes records behind the others. If that fails, nothing has changed.
  mutating func write(_ frames: EtcdFrames) throws(EtcdWALError) {
    try check()
    let file = try open()
    let place = offset
    do throws(EtcdWALError) {
      try directory.performing { (_) throws(FileSystemError) in
        try file.write(frames.bytes, at: place)
      }
    } catch {
      try undo(to: place, crc)
      throw error
    }
    isDirty = true
    offset += UInt64(frames.bytes.count)
    crc = frames.crc
  }

  /// Takes back records that were written since the last barrier.
  mutating func undo(to offset: UInt64, _ crc: UInt32) throws(EtcdWALError) {
    self.offset = offset
    self.crc = crc
    do throws(EtcdWALError) {
      try clearTail()
    } catch {
      poison = "\(error)"
      throw .poisoned("\(error)")
    }
  }

  // MARK: Saving

  /// Appends entries, which replace those from the index of the first on, and sets the hard state unless it is empty.
  /// Durable on return if there are entries, or term or vote have changed.
  package mutating func save(
    _ state: HardState, _ entries: [Entry] = []
  ) throws(EtcdWALError) {
    if entries.isEmpty, state.isEmpty { return }
    if offset >= options.segmentBytes { try cut() }
    var frames = EtcdFrames(continuing: crc)
    for entry in entries { frames.append(entry) }
    if !state.isEmpty { frames.append(state) }
    try write(frames)
    if let last = entries.last { lastIndex = last.index }
    let mustSync =
      !entries.isEmpty || (state.term, state.vote) != (hardState.term, hardState.vote)
    if !state.isEmpty { hardState = state }
    if mustSync { try sync() }
  }

  /// Records a snapshot, durably. Its file must be durable: a record without one cannot be used.
  package mutating func saveSnapshot(_ snapshot: EtcdSnapshotRecord) throws(EtcdWALError) {
    guard snapshot.index == 0 || snapshot.confState != nil else {
      throw .invalidSnapshot(index: snapshot.index)
    }
    var frames = EtcdFrames(continuing: crc)
    frames.append(snapshot)
    try write(frames)
    lastIndex = max(lastIndex, snapshot.index)
    try sync()
  }

  /// Notes what records written by `write(_:)` mean.
  mutating func note(_ state: HardState, lastIndex: UInt64) {
    hardState = state
    self.lastIndex = lastIndex
  }

  /// Begins the next segment.
  ///
  /// - Parameter extra: added to the state record at its head, which is otherwise left out if the hard state is empty.
  package mutating func cut() throws(EtcdWALError) { try cut(extra: nil) }

  mutating func cut(extra: [UInt8]?) throws(EtcdWALError) {
    try check()
    let name = EtcdSegmentName(sequence: activeName.sequence &+ 1, index: lastIndex &+ 1)
    var head = EtcdFrames(continuing: crc)
    head.append(EtcdRecord.crc, nil)
    head.append(EtcdRecord.metadata, metadata)
    if !hardState.isEmpty || extra != nil { head.append(hardState, extra: extra) }
    let old = try open()
    let end = offset
    try directory.performing { (_) throws(FileSystemError) in try old.truncate(to: end) }
    isDirty = true
    try sync()
    let temporary = "\(name.sequence % 2).tmp"
    let bytes = head.bytes
    let size = options.segmentBytes
    let (file, lock) = try prepare(temporary, bytes, size)
    let path = directory.path
    let (source, target) = (directory.child(temporary), directory.child(name))
    try directory.performing { (files) throws(FileSystemError) in
      try files.rename(source, to: target)
    }
    do throws(EtcdWALError) {
      try directory.performing { (files) throws(FileSystemError) in try files.syncDirectory(path) }
    } catch {
      // The segment is there, so that nothing may follow in the old one; but a crash may remove it.
      poison = "\(error)"
      throw error
    }
    segments.append(Segment(name: name, lock: lock))
    self.file = file
    offset = UInt64(bytes.count)
    crc = head.crc
  }

  /// Creates the file of the next segment, durable apart from its name.
  private func prepare(
    _ temporary: String, _ head: [UInt8], _ size: UInt64
  ) throws(EtcdWALError) -> (any RandomAccessFile, (any FileLock)?) {
    let path = directory.child(temporary)
    let file = try directory.performing { (files) throws(FileSystemError) in
      try files.remove(path)
      return try files.openRandomAccess(path, create: true, readOnly: false)
    }
    let lock = options.locksSegments ? try directory.lock(temporary) : nil
    try directory.performing { (_) throws(FileSystemError) in
      try file.truncate(to: size)
      try file.write(head, at: 0)
      try file.sync()
    }
    return (file, lock)
  }

  /// Makes everything that was written durable.
  package mutating func sync() throws(EtcdWALError) {
    try check()
    guard isDirty else { return }
    let file = try open()
    do throws(EtcdWALError) {
      try directory.performing { (_) throws(FileSystemError) in try file.sync() }
    } catch {
      poison = "\(error)"
      throw error
    }
    isDirty = false
  }

  /// Makes everything durable and releases the locks.
  package mutating func close() throws(EtcdWALError) {
    defer {
      file = nil
      for index in segments.indices { segments[index].lock = nil }
    }
    try sync()
  }

  // MARK: Segments that are not needed

  /// Releases the segments that hold only entries below `index`: all before the last one whose name is below it.
  package mutating func releaseLocks(to index: UInt64) {
    let next = segments.firstIndex { $0.name.index >= index }
    let kept = next.map { $0 - 1 } ?? segments.count - 1
    if kept > 0 { segments.removeFirst(kept) }
  }

  /// Releases all segments but the last.
  mutating func releaseAllButLast() { segments.removeFirst(segments.count - 1) }

  /// Removes the oldest segments while more than `kept` are there, up to the first one that is locked. Returns how many.
  @discardableResult
  package func purge(keeping kept: Int = 0) throws(EtcdWALError) -> Int {
    let names = try directory.segments()
    var removed = 0
    for name in names.dropLast(kept) where name.sequence < segments[0].name.sequence {
      let path = directory.child(name)
      let isFree = try directory.performing { (files) throws(FileSystemError) in
        guard try files.lock(path) != nil else { return false }
        try files.remove(path)
        return true
      }
      guard isFree else { break }
      removed += 1
    }
    if removed > 0 {
      let path = directory.path
      try directory.performing { (files) throws(FileSystemError) in try files.syncDirectory(path) }
    }
    return removed
  }
}
