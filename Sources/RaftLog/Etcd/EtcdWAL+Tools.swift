package import Raft
package import Runtime

// Reading, checking and repairing a WAL that need not be open.
extension EtcdWAL {
  /// What a WAL holds from a snapshot on. Takes no lock and changes nothing; an incomplete end is left out.
  package static func read(
    _ path: String, _ files: any RandomAccessFileSystem,
    at snapshot: EtcdSnapshotRecord = EtcdSnapshotRecord()
  ) throws(EtcdWALError) -> EtcdContents {
    let directory = EtcdDirectory(path: path, system: files)
    let (replay, stream) = try replay(
      directory, try directory.segments(from: snapshot.index), from: snapshot)
    try stream.requireWhole()
    return try replay.contents()
  }

  /// Creates a WAL with these contents, durable. Its first segment has a record of the snapshot from which the entries
  /// start, whose file must be durable, if there is one.
  package static func write(
    _ contents: EtcdContents, to path: String, _ files: any RandomAccessFileSystem,
    options: Options = Options()
  ) throws(EtcdWALError) {
    var wal = try create(path, files, metadata: contents.metadata, options: options)
    if contents.start.index > 0 {
      var start = contents.start
      start.confState = start.confState ?? ConfState()
      try wal.saveSnapshot(start)
    }
    try wal.save(contents.hardState, contents.entries)
    try wal.close()
  }

  /// Reads all records from a snapshot on and checks them, without locks. Returns the hard state.
  @discardableResult
  package static func verify(
    _ path: String, _ files: any RandomAccessFileSystem,
    at snapshot: EtcdSnapshotRecord = EtcdSnapshotRecord()
  ) throws(EtcdWALError) -> HardState {
    try read(path, files, at: snapshot).hardState
  }

  /// Cuts an incomplete end off the last segment, which is first copied to `<segment>.broken`. Returns whether there was
  /// one. Throws, and changes nothing, if the segment has another defect.
  @discardableResult
  package static func repair(
    _ path: String, _ files: any RandomAccessFileSystem
  ) throws(EtcdWALError) -> Bool {
    let directory = EtcdDirectory(path: path, system: files)
    guard let name = try directory.segments().last else { throw .notFound(path: path) }
    var stream = try EtcdStream(directory, [name])
    while try stream.next() != nil {}
    guard let defect = stream.defect else { return false }
    guard case .torn = defect else { throw defect }
    let file = try directory.open(name, readOnly: false)
    let (end, copy) = (stream.offset, directory.child(name) + ".broken")
    try directory.performing { (files) throws(FileSystemError) in
      try files.remove(copy)
      try files.copy(file, to: copy)
      try files.syncDirectory(path)
      try file.truncate(to: end)
      try file.sync()
    }
    return true
  }

  /// The snapshot records of all segments up to the commit index, in order, and so those whose files may be used.
  package static func validSnapshots(
    _ path: String, _ files: any RandomAccessFileSystem
  ) throws(EtcdWALError) -> [EtcdSnapshotRecord] {
    let directory = EtcdDirectory(path: path, system: files)
    // A segment may be purged meanwhile.
    for attempt in 1... {
      do throws(EtcdWALError) {
        let names = try directory.segments()
        guard !names.isEmpty else { throw .notFound(path: path) }
        var found: [EtcdSnapshotRecord] = []
        var replay = EtcdReplay(from: EtcdSnapshotRecord())
        var stream = try EtcdStream(directory, names)
        while let record = try stream.next() {
          // Entries are not needed, and those below a purged segment are not there.
          if record.kind == EtcdRecord.entry { continue }
          try replay.apply(record, stream.path, stream.offset)
        }
        try stream.requireWhole()
        found = replay.snapshots.filter { $0.index <= replay.hardState.commit }
        return found
      } catch {
        guard case .files(let failure) = error, failure.code == 2, attempt < 3 else { throw error }
      }
    }
    preconditionFailure("the third attempt returns or throws")
  }
}

extension EtcdStream {
  /// Throws if reading has ended because of anything but an incomplete end.
  func requireWhole() throws(EtcdWALError) {
    guard let defect else { return }
    if case .torn = defect, isLast { return }
    throw defect
  }
}

extension RandomAccessFileSystem {
  /// Creates a durable copy of a file, apart from its name.
  func copy(_ source: any RandomAccessFile, to path: String) throws(FileSystemError) {
    let target = try create(path, exclusive: true)
    var offset: UInt64 = 0
    while true {
      let piece = try source.read(at: offset, upTo: 1 << 20)
      if piece.isEmpty { break }
      try target.append(piece)
      offset += UInt64(piece.count)
    }
    try target.sync()
  }
}
