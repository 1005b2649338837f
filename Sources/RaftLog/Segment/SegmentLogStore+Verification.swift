import Raft
import Runtime
import Synchronization

extension SegmentLogStore {
  package func verify(deep: Bool) throws(LogStoreError) {
    try writer.withLock { (writer) throws(LogStoreError) in
      if writer.isClosed { throw .closed }
      let (files, regions) = table.withLock { table in
        (table.files.values.sorted { $0.file.sequence < $1.file.sequence }, table.regions)
      }
      for usage in files {
        let isPresent = writer.active?.file === usage.file
        try verify(usage.file, upTo: isPresent ? writer.nextLSN - 1 : usage.lastLSN)
        // The present file gets its footer when it is full; one that a crash has cut off is written again.
        if !isPresent { try verifyFooter(of: usage.file) }
      }
      for (region, log) in regions.sorted(by: { $0.key < $1.key }) {
        if let fence = log.fence { throw .corrupted(location: "region \(region)", reason: fence) }
        if deep { try verify(region, log, files) }
      }
    }
  }

  /// Reads all frames of a file.
  private func verify(_ file: SegmentFile, upTo lsn: UInt64) throws(LogStoreError) {
    var scanner = try FrameScanner(file)
    let result = try scanner.scan(until: lsn)
    if let fault = result.fault {
      throw file.corrupted(fault.offset, "LSN \(fault.lsn): \(fault.reason)")
    }
  }

  private func verifyFooter(of file: SegmentFile) throws(LogStoreError) {
    var scanner = try FrameScanner(file)
    if let defect = try scanner.sealed().defect {
      throw file.corrupted(UInt64(SegmentFormat.headerSize), defect)
    }
  }

  /// Reads all entries of a region, and compares their terms with the index.
  private func verify(
    _ region: UInt64, _ log: SegmentRegion, _ files: [SegmentTable.Usage]
  ) throws(LogStoreError) {
    var current: (place: FramePlace, file: SegmentFile, payload: [UInt8])?
    for index in log.index.first..<log.index.last + 1 {
      let location = log.locations[index]
      let place = FramePlace(location)
      if current?.place != place {
        guard let file = files.first(where: { $0.file.sequence == location.file })?.file else {
          throw .corrupted(
            location: "\(path), region \(region)", reason: "entry \(index) is in no file")
        }
        current = (place, file, try FrameReader.payload(file, place.offset))
      }
      guard let (_, file, payload) = current else { continue }
      let entry = try FrameReader.entry(location, payload, index: index, of: file)
      guard try log.index.term(at: index) == entry.term else {
        throw file.corrupted(
          place.offset, "entry \(index) of region \(region) has term \(entry.term)")
      }
    }
  }

  /// The bytes of the frame that an entry lies in, for tests that damage it; nil if there is no such entry, or if a later
  /// start could not tell damage of it from a write that a crash has cut off.
  package func frame(
    of region: UInt64, at index: UInt64
  ) throws(LogStoreError) -> (path: String, bytes: Range<UInt64>)? {
    try writer.withLock { (writer) throws(LogStoreError) in
      let found = table.withLock { table -> (EntryLocation, SegmentFile)? in
        guard let log = table.regions[region], log.fence == nil, index >= log.locations.first,
          index < log.locations.end
        else { return nil }
        let location = log.locations[index]
        return table.files[UInt64(location.file)].map { (location, $0.file) }
      }
      guard let (location, file) = found else { return nil }
      let header = try FrameReader.header(file, location.frameOffset)
      guard header.lsn <= writer.provenLSN else { return nil }
      let end = location.frameOffset + UInt64(header.frameLength)
      return (file.path, location.frameOffset..<end)
    }
  }

  // MARK: Checkpoint

  /// Closes the present file and copies all files, while others write. Nothing is shared with the copy: files of this
  /// log are written over when they are recycled.
  @discardableResult
  package func checkpoint(to path: String) throws(LogStoreError) -> UInt64 {
    let copy = try writer.withLock { (writer) throws(LogStoreError) in
      try writer.check()
      guard
        try !writer.directory.performing({ () throws(FileSystemError) in
          try writer.directory.system.exists(path)
        })
      else { throw .io(operation: "checkpoint to \(path)", reason: "it exists already") }
      try writer.rotate(table, isUrgent: false)
      try noteCreation(&writer)
      guard let active = writer.active else { preconditionFailure("no file after a rotation") }
      // With the size that its header promises.
      var head = try active.file.read(at: 0, upTo: Int(active.offset))
      let missing = Int(active.file.header.minSize) - head.count
      head += [UInt8](repeating: 0, count: max(0, missing))
      let older = table.withLock { table in
        let files = table.files.values.map(\.file).filter { $0 !== active.file }
        for file in files { file.pin() }
        return files.sorted { $0.sequence < $1.sequence }
      }
      return (
        older: older, head: head, name: SegmentDirectory.name(active.file.sequence),
        directory: writer.directory, lsn: writer.writes
      )
    }
    defer { for file in copy.older { file.unpin() } }
    try copy.directory.performing { () throws(FileSystemError) in
      let system = copy.directory.system
      try system.createDirectory(path)
      for file in copy.older {
        let name = SegmentDirectory.name(file.sequence)
        try Self.copy(file.handle, to: path + "/" + name, system)
      }
      try Self.write(copy.head, to: path + "/" + copy.name, system)
      // Last: without it a copy that was cut off is refused, since its newest file is missing.
      try Self.write(SegmentDirectory.created, to: path + "/LOCK", system)
      try system.syncDirectory(path)
    }
    return copy.lsn
  }

  private static func write(
    _ bytes: [UInt8], to path: String, _ system: any RandomAccessFileSystem
  ) throws(FileSystemError) {
    let file = try system.create(path, exclusive: true)
    try file.append(bytes)
    try file.sync()
  }

  private static func copy(
    _ source: any RandomAccessFile, to path: String, _ system: any RandomAccessFileSystem
  ) throws(FileSystemError) {
    let target = try system.create(path, exclusive: true)
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
