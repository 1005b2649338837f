/// Walks the fields of one protobuf message in borrowed memory.
///
/// Every defect of the input is an error. A field whose wire type is not the expected one is
/// skipped like an unknown field, as protobuf's own readers do.
package struct ProtoReader {
  /// How deep groups, which no message of ours has, may nest before they are refused.
  private static let maxGroupDepth = 64

  // Borrowed for the duration of the closure that lent it; a span cannot be stored in a struct
  // that is passed on, and copying would defeat the purpose.
  private let base: UnsafeRawBufferPointer
  private(set) var position: Int
  private let end: Int
  /// The number of the field that `next` found.
  private(set) var field: UInt32 = 0
  private var wireType: UInt8 = 0

  init(_ bytes: UnsafeRawBufferPointer) {
    base = bytes
    position = 0
    end = bytes.count
  }

  private init(base: UnsafeRawBufferPointer, range: Range<Int>) {
    self.base = base
    position = range.lowerBound
    end = range.upperBound
  }

  // MARK: Fields

  /// Moves to the next field; false at the end.
  @inline(__always)
  mutating func next() throws(CodecError) -> Bool {
    guard position < end else { return false }
    let start = position
    let tag = try varint()
    guard tag >> 3 != 0, tag <= UInt64(UInt32.max) else {
      throw CodecError(.malformedTag, "protobuf", offset: start)
    }
    field = UInt32(tag >> 3)
    wireType = UInt8(tag & 7)
    return true
  }

  /// Whether the field is bytes, a string or a message.
  var isBlock: Bool { wireType == 2 }

  /// A reader of the nested message, or nil if the field is none.
  mutating func message() throws(CodecError) -> ProtoReader? {
    guard let range = try range() else { return nil }
    return ProtoReader(base: base, range: range)
  }

  /// A reader of a part of the same memory.
  func reader(of range: Range<Int>) -> ProtoReader {
    ProtoReader(base: base, range: range)
  }

  /// Where the length-delimited value lies, or nil if the field is none.
  @inline(__always)
  mutating func range() throws(CodecError) -> Range<Int>? {
    guard wireType == 2 else {
      try skip()
      return nil
    }
    let start = position
    let count = try varint()
    guard count <= UInt64(end - position) else {
      throw CodecError(.truncated, "protobuf", offset: start)
    }
    let lower = position
    position += Int(count)
    return lower..<position
  }

  mutating func read(_ value: inout UInt64) throws(CodecError) {
    guard wireType == 0 else { return try skip() }
    value = try varint()
  }

  mutating func read(_ value: inout UInt32) throws(CodecError) {
    guard wireType == 0 else { return try skip() }
    value = UInt32(truncatingIfNeeded: try varint())
  }

  mutating func read(_ value: inout Int64) throws(CodecError) {
    guard wireType == 0 else { return try skip() }
    value = Int64(bitPattern: try varint())
  }

  mutating func read(_ value: inout Bool) throws(CodecError) {
    guard wireType == 0 else { return try skip() }
    value = try varint() != 0
  }

  mutating func read(_ value: inout [UInt8]) throws(CodecError) {
    guard let range = try range() else { return }
    value = Array(base[range])
  }

  /// An enumeration whose raw values are the numbers on the wire.
  mutating func read<Value: RawRepresentable>(
    _ value: inout Value, _ subject: StaticString
  ) throws(CodecError) where Value.RawValue: FixedWidthInteger {
    guard wireType == 0 else { return try skip() }
    let start = position
    let number = try varint()
    // Enumerations are 32 bits wide in protobuf.
    let wide = Int32(truncatingIfNeeded: number)
    guard let raw = Value.RawValue(exactly: wide), let known = Value(rawValue: raw) else {
      throw CodecError(.unknownNumber(number), "\(subject)", offset: start)
    }
    value = known
  }

  /// One number or a packed list of them.
  mutating func append(to list: inout [UInt64]) throws(CodecError) {
    if wireType == 0 { return list.append(try varint()) }
    guard var packed = try message() else { return }
    while packed.position < packed.end { list.append(try packed.varint()) }
  }

  /// Merges the nested message into `value`.
  mutating func read<Record: ProtoRecord>(_ value: inout Record) throws(CodecError) {
    guard var nested = try message() else { return }
    try value.merge(from: &nested)
  }

  /// Merges the nested message into `value`, making it first where there is none.
  mutating func read<Record: ProtoRecord>(_ value: inout Record?) throws(CodecError) {
    guard var nested = try message() else { return }
    if value == nil { value = Record() }
    try value?.merge(from: &nested)
  }

  /// Adds the nested message to `list`.
  mutating func append<Record: ProtoRecord>(to list: inout [Record]) throws(CodecError) {
    guard var nested = try message() else { return }
    // Filled where it stays: some records are hundreds of bytes wide.
    list.append(Record())
    try list[list.count - 1].merge(from: &nested)
  }

  // MARK: Bytes

  /// The memory of `range`, valid as long as the reader's.
  @inline(__always)
  func slice(_ range: Range<Int>) -> UnsafeRawBufferPointer {
    UnsafeRawBufferPointer(rebasing: base[range])
  }

  /// Steps over the present field.
  mutating func skip() throws(CodecError) {
    try skip(depth: 0)
  }

  private mutating func skip(depth: Int) throws(CodecError) {
    let start = position
    switch wireType {
    case 0: _ = try varint()
    case 1: try advance(8)
    case 2:
      let count = try varint()
      guard count <= UInt64(end - position) else {
        throw CodecError(.truncated, "protobuf", offset: start)
      }
      position += Int(count)
    case 3: try skipGroup(depth: depth)
    case 5: try advance(4)
    default: throw CodecError(.malformedTag, "protobuf", offset: start)
    }
  }

  private mutating func skipGroup(depth: Int) throws(CodecError) {
    let group = field
    guard depth < Self.maxGroupDepth else {
      throw CodecError(.malformedTag, "protobuf group", offset: position)
    }
    while try next() {
      if wireType == 4 {
        guard field == group else { break }
        return
      }
      try skip(depth: depth + 1)
    }
    throw CodecError(.malformedTag, "protobuf group", offset: position)
  }

  private mutating func advance(_ count: Int) throws(CodecError) {
    guard end - position >= count else {
      throw CodecError(.truncated, "protobuf", offset: position)
    }
    position += count
  }

  @inline(__always)
  private mutating func varint() throws(CodecError) -> UInt64 {
    if position < end {
      let byte = base[position]
      if byte < 0x80 {
        position += 1
        return UInt64(byte)
      }
    }
    return try longVarint()
  }

  private mutating func longVarint() throws(CodecError) -> UInt64 {
    let start = position
    var value: UInt64 = 0
    var shift: UInt64 = 0
    while position < end {
      let byte = base[position]
      position += 1
      value |= UInt64(byte & 0x7f) << shift
      if byte < 0x80 { return value }
      shift += 7
      if shift > 63 { throw CodecError(.malformedVarint, "protobuf", offset: start) }
    }
    throw CodecError(.truncated, "protobuf", offset: start)
  }
}
