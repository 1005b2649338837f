import Runtime

/// The memory engine's sorted files: pairs with their lengths, then their count and a checksum.
enum MemorySST {
  static let magic = Array("apussst1".utf8)

  static func append(_ key: RawSpan, _ value: RawSpan, to file: inout [UInt8]) {
    append(UInt64(key.byteCount), to: &file)
    append(UInt64(value.byteCount), to: &file)
    key.withUnsafeBytes { file.append(contentsOf: $0) }
    value.withUnsafeBytes { file.append(contentsOf: $0) }
  }

  static func seal(_ file: inout [UInt8], count: UInt64) {
    append(count, to: &file)
    append(checksum(file[...]), to: &file)
  }

  /// The pairs of a sealed file.
  static func parse(_ file: [UInt8], path: String) throws(EngineError) -> [KeyValue] {
    func broken(_ what: String) -> EngineError {
      EngineError(.corruption, operation: "read \(path)", message: "Corruption: \(what)")
    }
    guard file.count >= magic.count + 16, file.starts(with: magic) else {
      throw broken("not a sorted file")
    }
    let end = file.count - 16
    guard number(file, at: file.count - 8) == checksum(file[..<(file.count - 8)]) else {
      throw broken("checksum mismatch")
    }
    var pairs: [KeyValue] = []
    var offset = magic.count
    while offset < end {
      guard end - offset >= 16 else { throw broken("a pair is cut short") }
      let keyLength = number(file, at: offset)
      let valueLength = number(file, at: offset + 8)
      offset += 16
      let left = UInt64(end - offset)
      guard keyLength <= left, valueLength <= left - keyLength else {
        throw broken("a pair is cut short")
      }
      let middle = offset + Int(keyLength)
      let next = middle + Int(valueLength)
      pairs.append(KeyValue(key: Array(file[offset..<middle]), value: Array(file[middle..<next])))
      offset = next
    }
    guard UInt64(pairs.count) == number(file, at: end) else { throw broken("pairs are missing") }
    return pairs
  }

  private static func append(_ value: UInt64, to file: inout [UInt8]) {
    for shift in stride(from: 56, through: 0, by: -8) {
      file.append(UInt8(truncatingIfNeeded: value >> UInt64(shift)))
    }
  }

  private static func number(_ file: [UInt8], at offset: Int) -> UInt64 {
    file[offset..<offset + 8].reduce(0) { $0 << 8 | UInt64($1) }
  }

  private static func checksum(_ bytes: ArraySlice<UInt8>) -> UInt64 {
    bytes.reduce(0xcbf2_9ce4_8422_2325) { ($0 ^ UInt64($1)) &* 0x100_0000_01b3 }
  }
}

/// Collects pairs and writes them as one file when it is finished.
final class MemorySSTWriter: SSTWriter {
  private let path: String
  private let files: any FileSystem
  private var content = MemorySST.magic
  private var last: [UInt8]?
  private var open = true
  private(set) var count: UInt64 = 0

  init(path: String, files: any FileSystem) {
    self.path = path
    self.files = files
  }

  var fileSize: UInt64 { UInt64(content.count) }

  func put(_ key: [UInt8], _ value: [UInt8]) throws(EngineError) {
    try put(key.span.bytes, value.span.bytes)
  }

  func put(_ key: RawSpan, _ value: RawSpan) throws(EngineError) {
    guard open else { throw misuse("the file is finished") }
    let added = key.withUnsafeBytes { [UInt8]($0) }
    if let last, !last.lexicographicallyPrecedes(added) {
      throw misuse("keys must be added in strict ascending order")
    }
    MemorySST.append(key, value, to: &content)
    last = added
    count += 1
  }

  func finish() throws(EngineError) -> UInt64 {
    guard open else { throw misuse("the file is finished") }
    guard count > 0 else { throw misuse("a sorted file needs a pair") }
    MemorySST.seal(&content, count: count)
    do throws(FileSystemError) {
      let file = try files.create(path, exclusive: false)
      try file.append(content)
      try file.sync()
    } catch {
      throw EngineError(error)
    }
    open = false
    return fileSize
  }

  func abandon() { open = false }

  private func misuse(_ what: String) -> EngineError {
    EngineError(.invalid, operation: "write \(path)", message: "Invalid argument: \(what)")
  }
}

extension EngineError {
  init(_ error: FileSystemError) {
    self.init(.io, operation: "\(error.operation) \(error.path)", message: error.reason)
  }
}
