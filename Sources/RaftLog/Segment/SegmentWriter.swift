import Runtime
import Synchronization

/// A batch on its way into a file.
struct PendingFrame {
  /// The payload as it is stored, with its codec, checksum and uncompressed size.
  var stored: [UInt8] = []
  var codec = PayloadCodec.none
  var payloadCRC: UInt32 = 0
  var rawLength: UInt32 = 0
  var items: [SegmentItem]
  var group: UInt64 = 0
  var flags: FrameHeader.Flags = []

  init(items: [SegmentItem]) {
    self.items = items
  }

  init(_ batch: PreparedBatch, items: [SegmentItem]) {
    self.items = items
    // A batch whose entries all lie below the start of their logs stores none.
    guard items.contains(where: { if case .append = $0 { true } else { false } }) else { return }
    stored = batch.stored
    codec = batch.codec
    payloadCRC = batch.payloadCRC
    rawLength = UInt32(batch.payload.count)
  }

  mutating func setPayload(_ payload: [UInt8], compressionThreshold: Int) {
    let compressed = payload.count >= compressionThreshold ? PayloadCodec.compress(payload) : nil
    stored = compressed ?? payload
    codec = compressed == nil ? PayloadCodec.none : PayloadCodec.lz4
    payloadCRC = CRC32C.of(stored)
    rawLength = UInt32(payload.count)
  }
}

/// The file that frames are appended to.
struct ActiveSegment {
  let file: SegmentFile
  /// Where the next frame goes.
  var offset: UInt64
  /// The offset of the last frame; 0: there is none.
  var last: UInt64
  /// The LSN of the first frame after the snapshot of the state.
  var firstChange: UInt64
  var directory: FrameDirectory
  /// Whether no frame may follow: the file is full, was found when the log was opened, or a write to it failed.
  var isClosed: Bool
  /// Whether the footer is written.
  var isSealed = false
}

/// The state of writing of a segment log. Locked for the duration of a write with its barrier.
struct SegmentWriter {
  var directory: SegmentDirectory
  /// Nil until the first write to a new log.
  var active: ActiveSegment?
  /// The LSN of the next frame. Frames have consecutive LSNs, also across files.
  var nextLSN: UInt64 = 1
  /// All frames up to this one are durable.
  var durableLSN: UInt64 = 0
  /// The highest durable mark in a frame that is durable itself.
  var provenLSN: UInt64 = 0
  /// The number of batches written since the log was opened.
  var writes: UInt64 = 0
  /// How many of them are durable.
  var durableWrites: UInt64 = 0
  /// The message of the failure that has poisoned the store; nil if there was none. Never reset.
  var poison: String?
  var isClosed = false

  init(_ directory: SegmentDirectory) {
    self.directory = directory
  }

  func check() throws(LogStoreError) {
    if isClosed { throw .closed }
    if directory.options.mode == .readOnly {
      throw .denied(path: directory.path, reason: "the log is open for reading only")
    }
    if let poison { throw .poisoned(poison) }
  }

  // MARK: Frames

  /// Writes frames behind each other with one call, in a new file if they do not fit into the present one. Returns where
  /// they are. After an error none of them is part of the log.
  mutating func append(
    _ frames: [PendingFrame], _ table: borrowing Mutex<SegmentTable>, isUrgent: Bool = false
  ) throws(LogStoreError) -> [FramePlace] {
    let encoded = frames.map { frame in
      var bytes: [UInt8] = []
      for item in frame.items { item.append(to: &bytes) }
      return bytes
    }
    let size = zip(frames, encoded).reduce(0) { sum, pair in
      sum + pair.0.stored.count + pair.1.count * 2 + 2 * SegmentFormat.frameHeaderSize
    }
    if !fits(size) { try rotate(table, isUrgent: isUrgent) }
    // Moved out, so that its directory is not copied.
    guard var segment = active.take() else { preconditionFailure("no file after a rotation") }
    defer { active = segment }
    return try write(frames, encoded, to: &segment)
  }

  private func fits(_ size: Int) -> Bool {
    guard let active, !active.isClosed else { return false }
    // A file that holds nothing but the snapshot of the state takes a batch of any size.
    if active.firstChange == nextLSN { return true }
    let footer = active.directory.footerSize + SegmentFormat.trailerSize + SegmentFormat.tagSize
    return active.offset + UInt64(size + footer) <= UInt64(directory.options.segmentBytes)
  }

  private mutating func write(
    _ frames: [PendingFrame], _ encoded: [[UInt8]], to segment: inout ActiveSegment
  ) throws(LogStoreError) -> [FramePlace] {
    var buffer: [UInt8] = []
    buffer.reserveCapacity(
      zip(frames, encoded).reduce(0) { $0 + $1.0.stored.count + $1.1.count + 96 })
    var places: [FramePlace] = []
    var headers: [FrameHeader] = []
    var offset = segment.offset
    // After an error in between no frame may follow: an LSN that was encrypted is not used again with this key.
    segment.isClosed = true
    for (position, frame) in frames.enumerated() {
      guard let place = FramePlace(sequence: segment.file.sequence, offset: offset) else {
        throw .io(operation: "write \(segment.file.path)", reason: "the file is too large")
      }
      let header = try Self.encode(
        frame, encoded[position], lsn: nextLSN + UInt64(position), mark: durableLSN,
        after: places.last?.offset ?? segment.last, segment.file, to: &buffer)
      places.append(place)
      headers.append(header)
      offset += UInt64(header.frameLength)
    }
    do throws(FileSystemError) {
      try segment.file.handle.write(buffer, at: segment.offset)
    } catch {
      // Some of the bytes may be there: nothing is written behind them either.
      throw LogStoreError(error)
    }
    segment.isClosed = false
    for (position, header) in headers.enumerated() {
      segment.directory.add(
        header, offset: places[position].offset, items: encoded[position][...],
        decoded: frames[position].items)
    }
    segment.last = places.last?.offset ?? segment.last
    segment.offset = offset
    nextLSN += UInt64(frames.count)
    return places
  }

  private static func encode(
    _ frame: PendingFrame, _ items: [UInt8], lsn: UInt64, mark: UInt64, after last: UInt64,
    _ file: SegmentFile, to buffer: inout [UInt8]
  ) throws(LogStoreError) -> FrameHeader {
    guard let itemsLength = UInt32(exactly: items.count) else {
      throw .batchTooLarge(limit: Int(UInt32.max))
    }
    var header = FrameHeader(lsn: lsn, durableLSN: mark)
    header.group = frame.group
    header.flags = frame.flags
    header.storedLength = UInt32(frame.stored.count)
    header.rawLength = frame.rawLength
    header.itemsLength = itemsLength
    header.codec = frame.codec
    header.previous = last
    if let cipher = file.cipher {
      header.flags.insert(.sealed)
      header.pad()
      let (sealed, tag) = try cipher.seal(
        frame.stored + items, lsn: lsn, authenticating: header.authenticated)
      header.payloadCRC = CRC32C.of(Array(sealed.prefix(frame.stored.count)))
      header.itemsCRC = CRC32C.of(Array(sealed.dropFirst(frame.stored.count)))
      header.append(to: &buffer, salt: file.header.salt)
      buffer += sealed
      buffer += tag
    } else {
      header.pad()
      header.payloadCRC = frame.payloadCRC
      header.itemsCRC = CRC32C.of(items)
      header.append(to: &buffer, salt: file.header.salt)
      buffer += frame.stored
      buffer += items
    }
    for _ in 0..<header.padding { buffer.append(0) }
    return header
  }

  /// Makes all frames durable. An error poisons the store.
  mutating func barrier() throws(LogStoreError) {
    guard durableLSN + 1 < nextLSN, let active else { return }
    do throws(FileSystemError) {
      try active.file.handle.sync()
    } catch {
      poison = error.description
      throw LogStoreError(error)
    }
    // The frames' marks say what was durable before them.
    provenLSN = max(provenLSN, durableLSN)
    durableLSN = nextLSN - 1
    durableWrites = writes
  }

  /// Writes a frame without contents whose mark covers all frames before, so that damage to them is told from a write
  /// that a crash has cut off. Only if no later frame does so.
  mutating func prove(_ table: borrowing Mutex<SegmentTable>) throws(LogStoreError) {
    // Not in a new file, which proves it too, and may find no space.
    guard provenLSN < durableLSN, durableLSN + 1 == nextLSN,
      fits(2 * SegmentFormat.frameHeaderSize)
    else { return }
    _ = try append([PendingFrame(items: [])], table)
    try barrier()
    // The frame itself changes nothing: it needs no proof.
    provenLSN = durableLSN
  }

  // MARK: Rotation

  /// Closes the present file and continues in a new one, which begins with a snapshot of the state. What was written
  /// before becomes durable.
  mutating func rotate(
    _ table: borrowing Mutex<SegmentTable>, isUrgent: Bool
  ) throws(LogStoreError) {
    try barrier()
    active?.isClosed = true
    let (identity, old) = table.withLock { ($0.identity, $0.records()) }
    let file = try directory.create(firstLSN: nextLSN, identity: identity, isUrgent: isUrgent)
    // Without a use until its snapshot is complete.
    directory.stale.append(file.sequence)
    if let active, !active.isSealed { try seal(active) }
    active?.isSealed = true
    var segment = ActiveSegment(
      file: file, offset: UInt64(SegmentFormat.headerSize), last: 0, firstChange: nextLSN,
      directory: FrameDirectory(), isClosed: false)
    let lastLSN = nextLSN - 1
    let frames = snapshotFrames(table, old)
    let encoded = frames.map { frame in
      var bytes: [UInt8] = []
      for item in frame.items { item.append(to: &bytes) }
      return bytes
    }
    do throws(LogStoreError) {
      _ = try write(frames, encoded, to: &segment)
      try syncNew(file)
    } catch {
      nextLSN = lastLSN + 1
      throw error
    }
    segment.firstChange = nextLSN
    durableLSN = nextLSN - 1
    // Damage to the snapshot loses nothing: the files before say the same.
    provenLSN = durableLSN
    directory.stale.removeAll { $0 == file.sequence }
    if let active {
      table.withLock {
        $0.files[active.file.sequence]?.lastLSN = lastLSN
        $0.files[active.file.sequence]?.used = active.offset
      }
    }
    active = segment
    table.withLock {
      $0.files[file.sequence] = SegmentTable.Usage(
        file: file, used: segment.offset, lastLSN: lastLSN)
    }
    try directory.recycleStale()
  }

  private func syncNew(_ file: SegmentFile) throws(LogStoreError) {
    do throws(FileSystemError) {
      try file.handle.sync()
    } catch {
      throw LogStoreError(error)
    }
  }

  /// The frames of a snapshot of the state.
  private func snapshotFrames(
    _ table: borrowing Mutex<SegmentTable>, _ files: [FileRecord]
  ) -> [PendingFrame] {
    var records = files
    // The table knows the last LSN of the present file only after this.
    if let active, let at = records.firstIndex(where: { $0.sequence == active.file.sequence }) {
      records[at].lastLSN = nextLSN - 1
    }
    let items: [SegmentItem] = [.files(records)] + table.withLock { $0.snapshot() }
    var frames: [PendingFrame] = []
    for start in stride(from: 0, to: items.count, by: Self.itemsPerFrame) {
      var frame = PendingFrame(
        items: Array(items[start..<min(start + Self.itemsPerFrame, items.count)]))
      frame.group = nextLSN
      frames.append(frame)
    }
    frames[0].flags.insert(.groupBegin)
    frames[frames.count - 1].flags.insert(.groupEnd)
    return frames
  }

  private static let itemsPerFrame = 4096

  /// Writes the footer of a file, whose frames are durable.
  private func seal(_ segment: ActiveSegment) throws(LogStoreError) {
    var footer = segment.directory.footer()
    if let cipher = segment.file.cipher {
      let (sealed, tag) = try cipher.seal(footer, lsn: .max, authenticating: [])
      footer = sealed + tag
    }
    guard let length = UInt32(exactly: footer.count) else { return }
    let trailer = SegmentTrailer(
      offset: segment.offset, length: length, footerCRC: CRC32C.of(footer), lastLSN: nextLSN - 1)
    do throws(FileSystemError) {
      let handle = segment.file.handle
      let size = try handle.size()
      let needed = segment.offset + UInt64(footer.count + SegmentFormat.trailerSize)
      try handle.write(footer, at: segment.offset)
      let end = max(size, needed)
      try handle.write(
        trailer.encoded(salt: segment.file.header.salt),
        at: end - UInt64(SegmentFormat.trailerSize))
      try handle.sync()
    } catch {
      throw LogStoreError(error)
    }
  }
}
