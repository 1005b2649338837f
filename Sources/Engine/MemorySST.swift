/// The SST format of the memory engine: a magic number, pairs with their lengths, their count, and a checksum.
/// Numbers have 8 bytes, big-endian.
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

  /// The pairs of a finished file. Throws `corruption` for anything else.
  static func parse(_ file: [UInt8], path: String) throws(EngineError) -> [KeyValue] {
    func broken(_ what: String) -> EngineError {
      EngineError(.corruption, operation: "read \(path)", message: "Corruption: \(what)")
    }
    guard file.count >= magic.count + 16, file.starts(with: magic) else {
      throw broken("not an SST file")
    }
    let end = file.count - 16
    guard number(file, at: file.count - 8) == checksum(file[..<(file.count - 8)]) else {
      throw broken("checksum mismatch")
    }
    var pairs: [KeyValue] = []
    var offset = magic.count
    while offset < end {
      guard end - offset >= 16 else { throw broken("truncated pair") }
      let keyLength = number(file, at: offset)
      let valueLength = number(file, at: offset + 8)
      offset += 16
      let left = UInt64(end - offset)
      guard keyLength <= left, valueLength <= left - keyLength else {
        throw broken("truncated pair")
      }
      let middle = offset + Int(keyLength)
      let next = middle + Int(valueLength)
      pairs.append(KeyValue(key: Array(file[offset..<middle]), value: Array(file[middle..<next])))
      offset = next
    }
    guard UInt64(pairs.count) == number(file, at: end) else { throw broken("missing pairs") }
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
