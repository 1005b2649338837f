import Raft
import Runtime

/// An open log file of the strict format.
final class DiskLogFile: Sendable {
  let path: String
  let handle: any RandomAccessFile
  let header: DiskFileHeader
  /// Encrypts and decrypts; nil for a plain file.
  let cipher: (any SegmentCipher)?

  /// Bytes of a payload before its data: length and nonce, without the tag.
  static let payloadHeader = 12

  init(
    path: String, handle: any RandomAccessFile, header: DiskFileHeader,
    cipher: (any SegmentCipher)?
  ) {
    self.path = path
    self.handle = handle
    self.header = header
    self.cipher = cipher
  }

  static func open(
    _ file: UInt32, _ directory: String, _ files: any RandomAccessFileSystem,
    _ keys: (any SegmentKeys)?
  ) throws(LogStoreError) -> DiskLogFile {
    let path = directory + "/" + OriginalFormat.name(file)
    guard try performing({ () throws(FileSystemError) in try files.exists(path) }) else {
      throw DiskDefect(0, "the file is missing").error(path)
    }
    let (handle, bytes) = try performing { () throws(FileSystemError) in
      let handle = try files.openRandomAccess(path, create: false, readOnly: false)
      return (handle, try handle.read(at: 0, upTo: DiskFileHeader.size))
    }
    let header: DiskFileHeader
    do throws(DiskDefect) {
      header = try DiskFileHeader.decode(bytes)
      guard header.file == file else {
        throw DiskDefect(8, "the file is number \(header.file) under another name")
      }
    } catch {
      throw error.error(path)
    }
    guard header.masterKeyID != 0 else {
      return DiskLogFile(path: path, handle: handle, header: header, cipher: nil)
    }
    guard let keys else {
      throw .wrongKey(path: path, reason: "the file is encrypted and no key is configured")
    }
    let cipher = try keys.cipher(
      masterKeyID: header.masterKeyID, wrappedKey: header.wrappedKey, sequence: UInt64(file),
      salt: header.salt, path: path)
    return DiskLogFile(path: path, handle: handle, header: header, cipher: cipher)
  }

  /// Creates a file, durable with its header and its name.
  static func create(
    _ header: DiskFileHeader, _ directory: String, _ files: any RandomAccessFileSystem,
    _ keys: (any SegmentKeys)?
  ) throws(LogStoreError) -> DiskLogFile {
    var header = header
    var cipher: (any SegmentCipher)?
    if let keys {
      let made = try keys.makeCipher(sequence: UInt64(header.file), salt: header.salt)
      header.masterKeyID = made.masterKeyID
      header.wrappedKey = made.wrappedKey
      cipher = made.cipher
    }
    let path = directory + "/" + OriginalFormat.name(header.file)
    let bytes = header.encoded()
    let handle = try performing { () throws(FileSystemError) in
      // What a failed attempt has left has no reference.
      try files.remove(path)
      let handle = try files.openRandomAccess(path, create: true, readOnly: false)
      try handle.write(bytes, at: 0)
      try handle.sync()
      try files.syncDirectory(directory)
      return handle
    }
    return DiskLogFile(path: path, handle: handle, header: header, cipher: cipher)
  }

  /// The slots `[0, count)`.
  func slots(_ count: UInt32) throws(LogStoreError) -> [UInt8] {
    guard count <= header.slots else {
      throw DiskDefect(12, "the file has \(header.slots) slots, not \(count)").error(path)
    }
    let length = Int(count) * DiskFileHeader.slotSize
    let bytes = try performing { () throws(FileSystemError) in
      try handle.read(at: UInt64(DiskFileHeader.size), upTo: length)
    }
    guard bytes.count == length else {
      throw DiskDefect(
        UInt64(DiskFileHeader.size + bytes.count), "the file is cut off; it has \(count) entries"
      ).error(path)
    }
    return bytes
  }

  /// The bytes of a payload, and the CRC that the slot has.
  func seal(
    _ data: [UInt8], nonce: UInt64, term: UInt64, index: UInt64
  ) throws(LogStoreError) -> (bytes: [UInt8], checksum: UInt32) {
    var bytes: [UInt8] = []
    bytes.reserveCapacity(data.count + 28)
    bytes.appendLittleEndian(UInt32(data.count))
    bytes.appendLittleEndian(nonce)
    if let cipher {
      let (sealed, tag) = try cipher.seal(
        data, lsn: nonce, authenticating: identity(term, index))
      bytes += tag
      bytes += sealed
    } else {
      bytes += data
    }
    return (bytes, CRC32C.of(bytes))
  }

  /// The data of an entry.
  func data(
    _ location: DiskLocation, term: UInt64, index: UInt64
  ) throws(LogStoreError) -> [UInt8] {
    func damaged(_ reason: String) -> LogStoreError {
      DiskDefect(UInt64(location.offset), "entry \(index): \(reason)").error(path)
    }
    let extra = Self.payloadHeader + (cipher == nil ? 0 : SegmentFormat.tagSize)
    let head = try read(UInt64(location.offset), extra)
    guard head.count == extra else { throw damaged("its payload is cut off") }
    let (length, nonce) = Self.numbers(head)
    let start = UInt64(location.offset) + UInt64(extra)
    let size = try performing { () throws(FileSystemError) in try handle.size() }
    guard start + UInt64(length) <= size else {
      throw damaged("its payload of \(length) bytes is cut off")
    }
    let body = try read(start, Int(length))
    guard CRC32C.of(body, continuing: CRC32C.of(head)) == location.checksum else {
      throw damaged("its payload does not match its checksum")
    }
    guard let cipher else { return body }
    let tag = Array(head[Self.payloadHeader...])
    guard
      let plain = cipher.open(body, tag: tag, lsn: nonce, authenticating: identity(term, index))
    else { throw damaged("its payload is not authentic") }
    return plain
  }

  /// Length and nonce of a payload.
  private static func numbers(_ head: [UInt8]) -> (length: UInt32, nonce: UInt64) {
    head.withUnsafeBytes { bytes in
      (
        UInt32(littleEndian: bytes.loadUnaligned(as: UInt32.self)),
        UInt64(littleEndian: bytes.loadUnaligned(fromByteOffset: 4, as: UInt64.self))
      )
    }
  }

  private func read(_ offset: UInt64, _ count: Int) throws(LogStoreError) -> [UInt8] {
    try performing { () throws(FileSystemError) in try handle.read(at: offset, upTo: count) }
  }

  private func identity(_ term: UInt64, _ index: UInt64) -> [UInt8] {
    var bytes: [UInt8] = []
    bytes.appendLittleEndian(header.file)
    bytes.appendLittleEndian(header.salt)
    bytes.appendLittleEndian(term)
    bytes.appendLittleEndian(index)
    return bytes
  }
}
