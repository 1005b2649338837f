import Runtime

/// The name of a segment: `<sequence>-<index>.wal`, both 16 hexadecimal digits.
struct EtcdSegmentName: Sendable, Hashable, CustomStringConvertible {
  /// Consecutive from 0 over the segments of a WAL.
  var sequence: UInt64
  /// One above the last index that was saved when the segment was created; 0 for the first.
  var index: UInt64

  init(sequence: UInt64, index: UInt64) {
    self.sequence = sequence
    self.index = index
  }

  /// Nil for other names.
  init?(_ name: String) {
    guard let (sequence, index) = Self.numbers(name, suffix: ".wal") else { return nil }
    self.init(sequence: sequence, index: index)
  }

  var description: String { "\(Self.digits(sequence))-\(Self.digits(index)).wal" }

  static func digits(_ number: UInt64) -> String {
    let digits = String(number, radix: 16)
    return String(repeating: "0", count: 16 - digits.count) + digits
  }

  /// The two numbers of a name in the canonical form; nil for other names.
  static func numbers(_ name: String, suffix: String) -> (UInt64, UInt64)? {
    guard name.utf8.count == 33 + suffix.utf8.count, name.hasSuffix(suffix),
      let first = UInt64(name.prefix(16), radix: 16),
      let second = UInt64(name.dropFirst(17).prefix(16), radix: 16),
      name == "\(digits(first))-\(digits(second))\(suffix)"
    else { return nil }
    return (first, second)
  }
}

/// A directory of a file system, with errors of this format.
struct EtcdDirectory: Sendable {
  let path: String
  let system: any RandomAccessFileSystem

  func child(_ name: String) -> String { path + "/" + name }
  func child(_ name: EtcdSegmentName) -> String { child("\(name)") }

  /// The directory above.
  var parent: String {
    guard let slash = path.lastIndex(of: "/") else { return "." }
    return slash == path.startIndex ? "/" : String(path[..<slash])
  }

  func performing<R>(
    _ body: (any RandomAccessFileSystem) throws(FileSystemError) -> R
  ) throws(EtcdWALError) -> R {
    do throws(FileSystemError) {
      return try body(system)
    } catch {
      throw .files(error)
    }
  }

  /// All names; none if the directory does not exist.
  func names() throws(EtcdWALError) -> [String] {
    try performing { (system) throws(FileSystemError) in
      try system.exists(path) ? try system.list(path) : []
    }
  }

  /// The segments by their sequence. Other names are ignored.
  func segments() throws(EtcdWALError) -> [EtcdSegmentName] {
    try names().compactMap(EtcdSegmentName.init).sorted { $0.sequence < $1.sequence }
  }

  /// The segments from the last one on that begins at or below `index`, which must be consecutive.
  func segments(from index: UInt64) throws(EtcdWALError) -> [EtcdSegmentName] {
    let all = try segments()
    guard let first = all.lastIndex(where: { $0.index <= index }) else {
      throw .notFound(path: path)
    }
    let selected = Array(all[first...])
    for (before, after) in zip(selected, selected.dropFirst())
    where after.sequence != before.sequence &+ 1 {
      throw .missingSegment(path: path, sequence: before.sequence &+ 1)
    }
    return selected
  }

  func open(
    _ name: EtcdSegmentName, create: Bool = false, readOnly: Bool
  ) throws(EtcdWALError) -> any RandomAccessFile {
    try performing { (system) throws(FileSystemError) in
      try system.openRandomAccess(child(name), create: create, readOnly: readOnly)
    }
  }

  func lock(_ name: String) throws(EtcdWALError) -> any FileLock {
    let path = child(name)
    let lock = try performing { (system) throws(FileSystemError) in try system.lock(path) }
    guard let lock else { throw .locked(path: path) }
    return lock
  }
}
