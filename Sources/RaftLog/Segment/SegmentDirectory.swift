import Runtime

/// The directory of a segment log: which files it has, and creating, recycling and removing them.
///
/// | name | contents |
/// |---|---|
/// | `LOCK` | locked while the log is open; says that the log was created once its first file is complete |
/// | 16 hexadecimal digits `.seg` | a segment; the digits are its sequence number |
/// | 16 hexadecimal digits `.spare` | space to be written over |
/// | `.tmp` at the end | being created; removed when the log is opened |
struct SegmentDirectory: Sendable {
  /// The contents of the lock file once the log exists.
  static let created: [UInt8] = Array("segment log\n".utf8)

  let path: String
  let system: any RandomAccessFileSystem
  let options: SegmentLogOptions
  /// Names of spare files.
  private(set) var spares: [String] = []
  /// Files without use, which become spare or are removed once the next snapshot of the state is durable. Until then
  /// they stay: a sealed file proves that it had a successor.
  var stale: [UInt64] = []
  /// Of the next file.
  private(set) var nextSequence: UInt64 = 1

  init(_ path: String, _ system: any RandomAccessFileSystem, _ options: SegmentLogOptions) {
    self.path = path
    self.system = system
    self.options = options
  }

  static func name(_ sequence: UInt64, _ suffix: String = "seg") -> String {
    let digits = String(sequence, radix: 16)
    return String(repeating: "0", count: 16 - digits.count) + digits + "." + suffix
  }

  /// The sequence number in a canonical name; nil for other names.
  static func sequence(_ name: String, _ suffix: String = "seg") -> UInt64? {
    guard name.utf8.count == 17 + suffix.utf8.count,
      let sequence = UInt64(name.prefix(16), radix: 16), Self.name(sequence, suffix) == name
    else { return nil }
    return sequence
  }

  func path(_ name: String) -> String { path + "/" + name }

  func performing<R>(
    _ body: () throws(FileSystemError) -> R
  ) throws(LogStoreError) -> R {
    do throws(FileSystemError) {
      return try body()
    } catch {
      throw LogStoreError(error)
    }
  }

  /// Lists the directory. Returns the sequence numbers of segments, ascending, and names that mean nothing here.
  mutating func load() throws(LogStoreError) -> (segments: [UInt64], ignored: [String]) {
    let names = try performing { () throws(FileSystemError) in try system.list(path) }
    var segments: [UInt64] = []
    var ignored: [String] = []
    spares = []
    for name in names where name != "LOCK" {
      if let sequence = Self.sequence(name) {
        segments.append(sequence)
      } else if let sequence = Self.sequence(name, "spare") {
        spares.append(name)
        nextSequence = max(nextSequence, sequence &+ 1)
      } else if name.hasSuffix(".tmp") {
        if options.mode != .readOnly {
          try performing { () throws(FileSystemError) in try system.remove(path(name)) }
        }
      } else {
        ignored.append(name)
      }
    }
    segments.sort()
    if let last = segments.last { nextSequence = max(nextSequence, last &+ 1) }
    return (segments, ignored)
  }

  /// Opens a segment and reads its header.
  func open(_ sequence: UInt64) throws(LogStoreError) -> SegmentFile {
    let path = path(Self.name(sequence))
    let handle = try performing { () throws(FileSystemError) in
      try system.openRandomAccess(path, create: false, readOnly: options.mode == .readOnly)
    }
    let bytes = try performing { () throws(FileSystemError) in
      try handle.read(at: 0, upTo: SegmentFormat.headerSize)
    }
    let header = try SegmentHeader.decode(bytes, path: path)
    guard header.sequence == sequence else {
      throw .corrupted(
        location: "\(path), offset 32",
        reason: "the file is segment \(header.sequence) under another name; remove the copy")
    }
    let cipher: (any SegmentCipher)? =
      if header.cipher == 0 { nil } else { try Self.cipher(options.keys, header, path) }
    return SegmentFile(path: path, handle: handle, header: header, cipher: cipher)
  }

  private static func cipher(
    _ keys: (any SegmentKeys)?, _ header: SegmentHeader, _ path: String
  ) throws(LogStoreError) -> any SegmentCipher {
    guard let keys else {
      throw .wrongKey(path: path, reason: "the file is encrypted and no key is configured")
    }
    return try keys.cipher(
      masterKeyID: header.masterKeyID, wrappedKey: header.wrappedKey, sequence: header.sequence,
      salt: header.salt, path: path)
  }

  // MARK: Creating

  /// Creates the next segment, durable with its header and its name.
  ///
  /// - Parameter isUrgent: whether the reserve may be used: the file will be used to free space.
  mutating func create(
    firstLSN: UInt64, identity: LogStoreIdentity?, isUrgent: Bool
  ) throws(LogStoreError) -> SegmentFile {
    guard nextSequence <= UInt64(UInt32.max) else {
      throw .io(operation: "create a segment in \(path)", reason: "no sequence number is left")
    }
    let sequence = nextSequence
    var random = SplitMix64(seed: options.seed ^ sequence &* 0x9E37_79B9_7F4A_7C15 ^ firstLSN)
    var header = SegmentHeader(
      identity: identity, sequence: sequence, firstLSN: firstLSN, salt: random.next())
    var cipher: (any SegmentCipher)?
    if let keys = options.keys {
      let made = try keys.makeCipher(sequence: sequence, salt: header.salt)
      header.cipher = 1
      header.masterKeyID = made.masterKeyID
      header.wrappedKey = made.wrappedKey
      cipher = made.cipher
    }
    let source = try takeSpare(isUrgent: isUrgent)
    let target = path(Self.name(sequence))
    header.minSize =
      try performing { () throws(FileSystemError) in try system.size(of: source) } ?? 0
    let bytes = header.encoded()
    // From here on the number is used up: after an error a file of that name may exist.
    nextSequence += 1
    stale.append(sequence)
    let handle = try performing { () throws(FileSystemError) in
      let handle = try system.openRandomAccess(source, create: false, readOnly: false)
      try handle.write(bytes, at: 0)
      try handle.sync()
      try system.rename(source, to: target)
      try system.syncDirectory(path)
      return handle
    }
    stale.removeLast()
    return SegmentFile(path: target, handle: handle, header: header, cipher: cipher)
  }

  private mutating func takeSpare(isUrgent: Bool) throws(LogStoreError) -> String {
    if spares.count > 1 { return path(spares.removeLast()) }
    do throws(LogStoreError) {
      return try allocate()
    } catch {
      guard case .noSpace = error, isUrgent, let last = spares.popLast() else { throw error }
      return path(last)
    }
  }

  /// Writes a file of zeros. Its space is written, not only reserved: later writes change no metadata.
  private func allocate() throws(LogStoreError) -> String {
    let path = path(Self.name(nextSequence, "tmp"))
    do throws(FileSystemError) {
      let handle = try system.openRandomAccess(path, create: true, readOnly: false)
      let piece = [UInt8](repeating: 0, count: min(1 << 20, options.segmentBytes))
      var offset = 0
      while offset < options.segmentBytes {
        try handle.write(piece, at: UInt64(offset))
        offset += piece.count
      }
      try handle.sync()
      return path
    } catch {
      let failure = LogStoreError(error)
      // What cannot be removed now is removed when the log is opened.
      do throws(FileSystemError) { try system.remove(path) } catch { throw failure }
      throw failure
    }
  }

  /// Has as many spare files as the options say, unless there is no space for them.
  mutating func prepareSpares() throws(LogStoreError) {
    while spares.count < options.spareFiles {
      let source: String
      do throws(LogStoreError) {
        source = try allocate()
      } catch {
        if case .noSpace = error { return }
        throw error
      }
      let name = Self.name(nextSequence, "spare")
      nextSequence += 1
      try performing { () throws(FileSystemError) in
        try system.rename(source, to: path(name))
        try system.syncDirectory(path)
      }
      spares.append(name)
    }
  }

  // MARK: Recycling

  /// Makes a spare file of a segment or removes it. Nothing in it may be needed.
  mutating func recycle(_ sequence: UInt64, isPinned: Bool) throws(LogStoreError) {
    let old = path(Self.name(sequence))
    let spare = Self.name(sequence, "spare")
    let size = try performing { () throws(FileSystemError) in try system.size(of: old) }
    let isReusable =
      !isPinned && spares.count < options.spareFiles && size == UInt64(options.segmentBytes)
    try performing { () throws(FileSystemError) in
      if isReusable {
        try system.rename(old, to: path(spare))
      } else {
        try system.remove(old)
      }
      try system.syncDirectory(path)
    }
    if isReusable { spares.append(spare) }
  }

  /// Recycles the files without use.
  mutating func recycleStale() throws(LogStoreError) {
    while let sequence = stale.last {
      if try performing({ () throws(FileSystemError) in
        try system.exists(path(Self.name(sequence)))
      }) {
        try recycle(sequence, isPinned: false)
      }
      stale.removeLast()
    }
  }
}
