import Codec
package import Protobuf

/// The bytes of a lock: kind, primary key (compact bytes), start timestamp and time to live (varints), then optional
/// fields, each after a tag. The order of the fields is fixed. A reader stops at the first tag that it does not know, so
/// later versions add fields at the end.
extension Lock {
  private enum Tag {
    static let forUpdateTS = UInt8(ascii: "f")
    static let txnSize = UInt8(ascii: "t")
    static let minCommitTS = UInt8(ascii: "c")
    static let asyncCommit = UInt8(ascii: "a")
    static let rollbackTS = UInt8(ascii: "r")
    static let txnSource = UInt8(ascii: "s")
    static let lockedWithConflict = UInt8(ascii: "F")
    static let generation = UInt8(ascii: "g")
  }

  /// The first byte of a record that several transactions share. Not supported.
  private static let sharedKind = UInt8(ascii: "H")

  package init(decoding bytes: [UInt8]) throws(CodecError) {
    try self.init(decoding: bytes.span.bytes)
  }

  package init(decoding span: RawSpan) throws(CodecError) {
    self = try span.withUnsafeBytes { (bytes) throws(CodecError) in
      var reader = RecordReader(bytes, "lock record")
      return try Lock(&reader)
    }
  }

  private init(_ reader: inout RecordReader) throws(CodecError) {
    let first = try reader.byte()
    guard let kind = Kind(rawValue: first) else {
      throw reader.failure(first == Self.sharedKind ? .unsupported : .unknownNumber(UInt64(first)))
    }
    let primary = try reader.compactBytes()
    let startTS = Timestamp(try reader.varint())
    // Records of very old versions end here.
    let ttl = reader.isAtEnd ? 0 : try reader.varint()
    self.init(kind, primary: primary, startTS: startTS, ttl: ttl)
    while !reader.isAtEnd {
      switch try reader.byte() {
      case ShortValue.tag: shortValue = try reader.shortBytes()
      case Tag.forUpdateTS: forUpdateTS = Timestamp(try reader.uint64())
      case Tag.txnSize: txnSize = try reader.uint64()
      case Tag.minCommitTS: minCommitTS = Timestamp(try reader.uint64())
      case Tag.asyncCommit:
        usesAsyncCommit = true
        secondaries = []
        for _ in 0..<(try reader.count(ofElements: 1)) {
          secondaries.append(try reader.compactBytes())
        }
      case Tag.rollbackTS:
        rollbackTS = []
        for _ in 0..<(try reader.count(ofElements: 8)) {
          rollbackTS.append(Timestamp(try reader.uint64()))
        }
      case LastChange.tag: lastChange = try LastChange(&reader)
      case Tag.txnSource: txnSource = try reader.varint()
      case Tag.lockedWithConflict: isLockedWithConflict = true
      case Tag.generation: generation = try reader.uint64()
      default: return
      }
    }
  }

  /// The record.
  package func encoded() -> [UInt8] {
    var bytes: [UInt8] = []
    bytes.reserveCapacity(64 + primary.count + (shortValue?.count ?? 0))
    bytes.append(kind.rawValue)
    bytes.appendCompact(primary)
    bytes.appendVarint(startTS.value)
    bytes.appendVarint(ttl)
    if let shortValue { bytes.appendShortValue(shortValue) }
    bytes.appendField(Tag.forUpdateTS, forUpdateTS.value)
    bytes.appendField(Tag.txnSize, txnSize)
    bytes.appendField(Tag.minCommitTS, minCommitTS.value)
    if usesAsyncCommit {
      bytes.append(Tag.asyncCommit)
      bytes.appendVarint(UInt64(secondaries.count))
      for key in secondaries { bytes.appendCompact(key) }
    }
    if !rollbackTS.isEmpty {
      bytes.append(Tag.rollbackTS)
      bytes.appendVarint(UInt64(rollbackTS.count))
      for timestamp in rollbackTS { bytes.appendBigEndian(timestamp.value) }
    }
    lastChange.append(to: &bytes)
    if txnSource != 0 {
      bytes.append(Tag.txnSource)
      bytes.appendVarint(txnSource)
    }
    if isLockedWithConflict { bytes.append(Tag.lockedWithConflict) }
    bytes.appendField(Tag.generation, generation)
    return bytes
  }
}

extension [UInt8] {
  /// Adds a tag and eight bytes, or nothing if the number is 0.
  fileprivate mutating func appendField(_ tag: UInt8, _ value: UInt64) {
    guard value != 0 else { return }
    append(tag)
    appendBigEndian(value)
  }
}
