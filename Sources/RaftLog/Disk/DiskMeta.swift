import Protobuf
import Raft
import Runtime

/// The end of the entries in a file.
struct DiskPosition: Sendable, Equatable {
  /// 0: there is no file.
  var file: UInt32 = 0
  var slot: UInt32 = 0
}

/// What `wal.meta` says of a log. The strict format has all of it; the original the ids, the checkpoint index, the hard
/// state and the snapshot.
struct DiskMeta: Sendable, Equatable {
  var raftID: UInt64 = 0
  var groupID: UInt64 = 0
  /// Of interest to the owner only.
  var checkpoint: UInt64 = 0
  var hardState = HardState()
  /// Its index and term are those of the truncated state.
  var snapshot = Snapshot()
  /// Where the entries after the truncated index begin. Slots before it have no meaning.
  var start = DiskPosition()
  /// Where they end. Slots from here on have no meaning.
  var end = DiskPosition()
  /// CRC-32C of the slots of the file of `end`, up to there.
  var checksum: UInt32 = 0
  /// Values of the owner, sorted by key.
  var pairs: [SegmentRegion.Pair] = []
  /// Whether the log was destroyed: then it has nothing but perhaps a tombstone.
  var isDestroyed = false
  var tombstone: [UInt8]?

  func encoded() -> [UInt8] {
    var bytes: [UInt8] = []
    for number in [
      raftID, groupID, checkpoint, hardState.term, hardState.vote, hardState.commit,
      UInt64(start.file), UInt64(start.slot), UInt64(end.file), UInt64(end.slot),
    ] {
      bytes.appendVarint(number)
    }
    bytes.appendLittleEndian(checksum)
    bytes.appendBytes(snapshot.encoded())
    bytes.append((isDestroyed ? 1 : 0) | (tombstone == nil ? 0 : 2))
    if let tombstone { bytes.appendBytes(tombstone) }
    bytes.appendVarint(UInt64(pairs.count))
    for pair in pairs {
      bytes.appendBytes(pair.key)
      bytes.appendBytes(pair.value)
    }
    return bytes
  }

  static func decode(_ bytes: [UInt8]) throws(SegmentDefect) -> DiskMeta {
    var reader = ByteReader(bytes)
    var meta = DiskMeta()
    meta.raftID = try reader.varint()
    meta.groupID = try reader.varint()
    meta.checkpoint = try reader.varint()
    meta.hardState.term = try reader.varint()
    meta.hardState.vote = try reader.varint()
    meta.hardState.commit = try reader.varint()
    meta.start = try position(&reader)
    meta.end = try position(&reader)
    meta.checksum = try reader.number(UInt32.self)
    let snapshot = try reader.byteString()
    do throws(CodecError) {
      meta.snapshot = try Snapshot(decoding: snapshot, strict: true)
    } catch {
      throw SegmentDefect("the snapshot cannot be decoded: \(error)")
    }
    guard meta.snapshot.metadata.index < .max else {
      throw SegmentDefect("the snapshot has no next index")
    }
    let flags = try reader.number(UInt8.self)
    guard flags < 4 else { throw SegmentDefect("flags \(flags)", isNewer: true) }
    meta.isDestroyed = flags & 1 != 0
    if flags & 2 != 0 { meta.tombstone = try reader.byteString() }
    for _ in 0..<(try reader.count()) {
      let key = try reader.byteString()
      meta.pairs.append(SegmentRegion.Pair(key: key, value: try reader.byteString()))
    }
    guard reader.isAtEnd else { throw SegmentDefect("bytes after the record") }
    return meta
  }

  private static func position(_ reader: inout ByteReader) throws(SegmentDefect) -> DiskPosition {
    guard let file = UInt32(exactly: try reader.varint()),
      let slot = UInt32(exactly: try reader.varint())
    else { throw SegmentDefect("a position is above 32 bits") }
    return DiskPosition(file: file, slot: slot)
  }
}

/// `wal.meta` of the strict format, little-endian:
///
/// | offset | size | content |
/// |---|---|---|
/// | 0 | 8 | `DSKMETA2` |
/// | 8 | 4 | format version: 2 |
/// | 12 | 4 | bytes of a record slot, c |
/// | 16 | 8 | salt |
/// | 24 | 8 | id of the master key; 0: plain |
/// | 32 | 60 | the file's key, encrypted by the master key |
/// | 4,092 | 4 | CRC-32C of the bytes before |
/// | 4,096 and 4,096 + c | c | record slot: sequence 8, flags 4, length 4, CRC 4, tag 16 if encrypted, record |
///
/// The record with the higher sequence counts. Bit 0 of the flags says that all it refers to was durable before it was
/// written. The slot of the newest such record is not written over: a crash leaves it, or a later one.
struct DiskMetaFile: Sendable {
  static let magic = Array("DSKMETA2".utf8)
  static let headerSize = 4096
  static let recordHeader = 20
  static let isDurableFlag: UInt32 = 1
  /// Bytes of a record slot of a new file.
  static let initialCapacity = 4096
  static let maxRecordBytes = 1 << 28

  let path: String
  let handle: any RandomAccessFile
  let capacity: Int
  let salt: UInt64
  let masterKeyID: UInt64
  let cipher: (any SegmentCipher)?
  /// Of the next record.
  var sequence: UInt64 = 1
  /// The slot that is written next, 0 or 1.
  var target = 0

  /// A record that was read.
  struct Found: Sendable {
    var slot: Int
    var sequence: UInt64
    var isDurable: Bool
    var meta: DiskMeta
  }

  // MARK: Reading

  /// Reads both records, the newest first; those that are torn or damaged are left out.
  static func open(
    _ path: String, _ files: any RandomAccessFileSystem, _ keys: (any SegmentKeys)?
  ) throws(LogStoreError) -> (file: DiskMetaFile, records: [Found]) {
    let (handle, bytes) = try performing { () throws(FileSystemError) in
      let handle = try files.openRandomAccess(path, create: false, readOnly: false)
      return (handle, try handle.read(at: 0, upTo: headerSize))
    }
    var file: DiskMetaFile
    do throws(DiskDefect) {
      file = try decode(bytes, path, handle, keys)
    } catch {
      throw error.error(path)
    }
    if file.masterKeyID != 0 { file = try file.unlocked(bytes, keys) }
    var records: [Found] = []
    for slot in 0...1 {
      let content = try performing { () throws(FileSystemError) in
        try handle.read(at: file.offset(slot), upTo: file.capacity)
      }
      do throws(SegmentDefect) {
        if let found = try file.record(slot, content) { records.append(found) }
      } catch {
        if error.isNewer { throw .newerFormat(3) }
        throw DiskDefect(file.offset(slot), error.reason).error(path)
      }
    }
    records.sort { $0.sequence > $1.sequence }
    if let newest = records.first {
      file.sequence = newest.sequence + 1
      file.target = 1 - newest.slot
    }
    return (file, records)
  }

  private static func decode(
    _ bytes: [UInt8], _ path: String, _ handle: any RandomAccessFile,
    _ keys: (any SegmentKeys)?
  ) throws(DiskDefect) -> DiskMetaFile {
    guard bytes.count == headerSize, bytes.starts(with: magic) else {
      throw DiskDefect(0, "the file does not begin with the header of a log's state")
    }
    do throws(SegmentDefect) {
      var check = ByteReader(bytes, headerSize - 4..<headerSize)
      guard try check.number(UInt32.self) == CRC32C.of(Array(bytes.dropLast(4))) else {
        throw SegmentDefect("the header does not match its checksum")
      }
      var reader = ByteReader(bytes, 8..<headerSize)
      let version = try reader.number(UInt32.self)
      let capacity = try reader.number(UInt32.self)
      guard version == 2, capacity >= 512, capacity <= 1 << 30 else {
        throw SegmentDefect("format \(version) with records of \(capacity) bytes")
      }
      return DiskMetaFile(
        path: path, handle: handle, capacity: Int(capacity),
        salt: try reader.number(UInt64.self), masterKeyID: try reader.number(UInt64.self),
        cipher: nil)
    } catch {
      throw DiskDefect(8, error.reason)
    }
  }

  private func unlocked(
    _ bytes: [UInt8], _ keys: (any SegmentKeys)?
  ) throws(LogStoreError) -> DiskMetaFile {
    guard let keys else {
      throw .wrongKey(path: path, reason: "the file is encrypted and no key is configured")
    }
    let cipher = try keys.cipher(
      masterKeyID: masterKeyID, wrappedKey: Array(bytes[32..<92]), sequence: 0, salt: salt,
      path: path)
    return DiskMetaFile(
      path: path, handle: handle, capacity: capacity, salt: salt, masterKeyID: masterKeyID,
      cipher: cipher)
  }

  private func offset(_ slot: Int) -> UInt64 { UInt64(Self.headerSize + slot * capacity) }

  /// Nil for a slot without a whole record.
  private func record(_ slot: Int, _ bytes: [UInt8]) throws(SegmentDefect) -> Found? {
    guard bytes.count >= Self.recordHeader else { return nil }
    var reader = ByteReader(bytes)
    let sequence = try reader.number(UInt64.self)
    let flags = try reader.number(UInt32.self)
    let length = Int(try reader.number(UInt32.self))
    let checksum = try reader.number(UInt32.self)
    let tagSize = cipher == nil ? 0 : SegmentFormat.tagSize
    guard sequence > 0, length <= reader.left - tagSize, reader.left >= tagSize else { return nil }
    let tag = try reader.take(tagSize)
    var body = try reader.take(length)
    let head = Array(bytes[..<16])
    guard checksum == CRC32C.of(tag + body, continuing: seed(head)) else { return nil }
    guard flags <= 1 else { throw SegmentDefect("flags \(flags)", isNewer: true) }
    if let cipher {
      guard let plain = cipher.open(body, tag: tag, lsn: sequence, authenticating: head) else {
        throw SegmentDefect("the record is not authentic")
      }
      body = plain
    }
    return Found(
      slot: slot, sequence: sequence, isDurable: flags & Self.isDurableFlag != 0,
      meta: try DiskMeta.decode(body))
  }

  private func seed(_ head: [UInt8]) -> UInt32 {
    withUnsafeBytes(of: salt.littleEndian) { CRC32C.of(head, continuing: CRC32C.of($0)) }
  }

  // MARK: Writing

  /// Creates the file, or replaces it by one with room for this record, durable with its name.
  static func create(
    _ directory: String, _ files: any RandomAccessFileSystem, _ options: DiskStorageOptions,
    _ meta: DiskMeta, sequence: UInt64
  ) throws(LogStoreError) -> DiskMetaFile {
    let path = directory + "/wal.meta"
    let temporary = path + ".tmp"
    let body = meta.encoded()
    guard body.count <= maxRecordBytes else { throw .batchTooLarge(limit: maxRecordBytes) }
    var capacity = initialCapacity
    while capacity < body.count + recordHeader + SegmentFormat.tagSize { capacity *= 2 }
    var random = SplitMix64(
      seed: options.seed ^ meta.groupID &* 0xD6E8_FEB8_6659_FD93
        ^ sequence &* 0x9E37_79B9_7F4A_7C15)
    let salt = random.next()
    let key = try options.keys.map { (keys) throws(LogStoreError) in
      try keys.makeCipher(sequence: 0, salt: salt)
    }
    var header = magic
    header.appendLittleEndian(UInt32(2))
    header.appendLittleEndian(UInt32(capacity))
    header.appendLittleEndian(salt)
    header.appendLittleEndian(key?.masterKeyID ?? 0)
    header += key?.wrappedKey ?? []
    header += [UInt8](repeating: 0, count: headerSize - 4 - header.count)
    header.appendLittleEndian(CRC32C.of(header))
    header += [UInt8](repeating: 0, count: 2 * capacity)
    let handle = try performing { () throws(FileSystemError) in
      try files.remove(temporary)
      let handle = try files.openRandomAccess(temporary, create: true, readOnly: false)
      try handle.write(header, at: 0)
      return handle
    }
    var file = DiskMetaFile(
      path: path, handle: handle, capacity: capacity, salt: salt,
      masterKeyID: key?.masterKeyID ?? 0, cipher: key?.cipher, sequence: sequence)
    try file.write(meta, isDurable: true)
    try performing { () throws(FileSystemError) in
      try handle.sync()
      try files.rename(temporary, to: path)
      try files.syncDirectory(directory)
    }
    file.target = 1
    return file
  }

  /// Whether a record fits.
  func hasRoom(for meta: DiskMeta) -> Bool {
    meta.encoded().count + Self.recordHeader + SegmentFormat.tagSize <= capacity
  }

  /// Writes a record into the slot `target`. A later one may go there too, until `settle` is called.
  mutating func write(_ meta: DiskMeta, isDurable: Bool) throws(LogStoreError) {
    var body = meta.encoded()
    var head: [UInt8] = []
    head.appendLittleEndian(sequence)
    head.appendLittleEndian(isDurable ? Self.isDurableFlag : 0)
    head.appendLittleEndian(UInt32(body.count))
    var tag: [UInt8] = []
    if let cipher { (body, tag) = try cipher.seal(body, lsn: sequence, authenticating: head) }
    var bytes = head
    bytes.appendLittleEndian(CRC32C.of(tag + body, continuing: seed(head)))
    bytes += tag + body
    precondition(bytes.count <= capacity, "a record without room")
    // Used up even if the write fails: a sequence is written once.
    sequence += 1
    let at = offset(target)
    try performing { () throws(FileSystemError) in try handle.write(bytes, at: at) }
  }

  /// Makes the record that was written last durable. The next one goes to the other slot.
  mutating func settle() throws(LogStoreError) {
    try performing { () throws(FileSystemError) in try handle.sync() }
    target = 1 - target
  }
}

/// Performs calls to the file system, and translates their errors.
func performing<R>(_ body: () throws(FileSystemError) -> R) throws(LogStoreError) -> R {
  do throws(FileSystemError) {
    return try body()
  } catch {
    throw LogStoreError(error)
  }
}
