/// Walks the fields of one protobuf message in borrowed memory.
///
/// Every defect of the input is an error. A known field whose wire type is not the expected one is
/// skipped like an unknown field, as protobuf's own readers do; a strict reader refuses it, for bytes
/// that only this program writes.
///
/// This module's declarations are public, although no other package uses it: the compiler inlines and
/// specializes `public` functions in other modules, but not `package` ones, which costs several times as
/// much.
public struct ProtoReader {
  /// How deep groups, which no message of ours has, may nest before they are refused.
  private static let maxGroupDepth = 64

  // Borrowed for the duration of the closure that lent it; a span cannot be stored in a struct
  // that is passed on, and copying would defeat the purpose.
  @usableFromInline let base: UnsafeRawBufferPointer
  /// Where in `base` the next byte is; never above `end`.
  @usableFromInline var offset: Int
  /// Where the message ends; at most the size of `base`.
  @usableFromInline let end: Int
  @usableFromInline let isStrict: Bool
  @usableFromInline var fieldNumber: UInt32 = 0
  @usableFromInline var wireType: UInt8 = 0

  /// - Parameters:
  ///   - bytes: must stay valid for as long as the reader and those of nested messages are used.
  ///   - strict: whether a known field of another wire type is an error.
  @inlinable
  public init(_ bytes: UnsafeRawBufferPointer, strict: Bool = false) {
    base = bytes
    offset = 0
    end = bytes.count
    isStrict = strict
  }

  @inlinable
  init(_ whole: ProtoReader, range: Range<Int>) {
    base = whole.base
    offset = range.lowerBound
    end = range.upperBound
    isStrict = whole.isStrict
  }

  /// Where in the outermost message's bytes the reader stands.
  @inlinable public var position: Int { offset }

  /// The number of the field that `next` found.
  @inlinable public var field: UInt32 { fieldNumber }

  /// Whether nothing is left to read.
  @inlinable public var isAtEnd: Bool { offset == end }

  // MARK: Fields

  // `read` and `append` take the value of the present field. Where its wire type is another, the value
  // stays as it is.

  /// Moves to the next field; false at the end. The former field's value must have been read or skipped.
  @inlinable @inline(__always)
  public mutating func next() throws(CodecError) -> Bool {
    guard offset < end else { return false }
    let start = offset
    let tag = try varint()
    guard tag >> 3 != 0, tag <= UInt64(UInt32.max) else {
      throw CodecError(.malformedTag, "protobuf", offset: start)
    }
    fieldNumber = UInt32(truncatingIfNeeded: tag >> 3)
    wireType = UInt8(truncatingIfNeeded: tag & 7)
    return true
  }

  /// Whether the field is bytes, a string or a message.
  @inlinable public var isLengthDelimited: Bool { wireType == 2 }

  /// A reader of the nested message, or nil if the field is none.
  @inlinable
  public mutating func message() throws(CodecError) -> ProtoReader? {
    guard let range = try range() else { return nil }
    return ProtoReader(self, range: range)
  }

  /// A reader of a part of the same memory.
  @inlinable
  public func reader(of range: Range<Int>) -> ProtoReader {
    precondition(range.upperBound <= base.count, "a range beyond the message")
    return ProtoReader(self, range: range)
  }

  /// Where in the outermost message's bytes the length-delimited value lies, or nil if the field is none.
  @inlinable @inline(__always)
  public mutating func range() throws(CodecError) -> Range<Int>? {
    guard wireType == 2 else {
      try skipMismatch()
      return nil
    }
    let start = offset
    let count = try varint()
    guard count <= UInt64(end - offset) else {
      throw CodecError(.truncated, "protobuf", offset: start)
    }
    let lower = offset
    offset += Int(truncatingIfNeeded: count)
    return lower..<offset
  }

  /// An unsigned number.
  @inlinable
  public mutating func read(_ value: inout UInt64) throws(CodecError) {
    guard wireType == 0 else { return try skipMismatch() }
    value = try varint()
  }

  /// The low 32 bits, as protobuf wants it.
  @inlinable
  public mutating func read(_ value: inout UInt32) throws(CodecError) {
    guard wireType == 0 else { return try skipMismatch() }
    value = UInt32(truncatingIfNeeded: try varint())
  }

  /// A signed number, not zigzag.
  @inlinable
  public mutating func read(_ value: inout Int64) throws(CodecError) {
    guard wireType == 0 else { return try skipMismatch() }
    value = Int64(bitPattern: try varint())
  }

  /// Any number but 0 is true.
  @inlinable
  public mutating func read(_ value: inout Bool) throws(CodecError) {
    guard wireType == 0 else { return try skipMismatch() }
    value = try varint() != 0
  }

  /// A byte string, copied.
  @inlinable
  public mutating func read(_ value: inout [UInt8]) throws(CodecError) {
    guard let range = try range() else { return }
    value = Array(base[range])
  }

  /// An enumeration whose raw values are the numbers on the wire.
  ///
  /// - Parameter subject: what is read, for the error of an unknown number.
  @inlinable
  public mutating func read<Value: RawRepresentable>(
    _ value: inout Value, _ subject: StaticString
  ) throws(CodecError) where Value.RawValue: FixedWidthInteger {
    guard wireType == 0 else { return try skipMismatch() }
    let start = offset
    let number = try varint()
    // Enumerations are 32 bits wide in protobuf.
    let wide = Int32(truncatingIfNeeded: number)
    guard let raw = Value.RawValue(exactly: wide), let known = Value(rawValue: raw) else {
      throw CodecError(.unknownNumber(number), "\(subject)", offset: start)
    }
    value = known
  }

  /// One number or a packed list of them. Stops reading once there are more than `limit`.
  @inlinable
  public mutating func append(
    to list: inout [UInt64], limit: Int = .max
  ) throws(CodecError) {
    if wireType == 0 { return list.append(try varint()) }
    guard var packed = try message() else { return }
    while packed.offset < packed.end, list.count <= limit { list.append(try packed.varint()) }
  }

  /// Merges the nested message into `value`.
  @inlinable
  public mutating func read<Record: ProtoRecord>(_ value: inout Record) throws(CodecError) {
    guard var nested = try message() else { return }
    try value.merge(from: &nested)
  }

  /// Merges the nested message into `value`, making it first where there is none.
  @inlinable
  public mutating func read<Record: ProtoRecord>(_ value: inout Record?) throws(CodecError) {
    guard var nested = try message() else { return }
    if value == nil { value = Record() }
    try value?.merge(from: &nested)
  }

  /// Adds the nested message to `list`.
  @inlinable
  public mutating func append<Record: ProtoRecord>(to list: inout [Record]) throws(CodecError) {
    guard var nested = try message() else { return }
    // Filled where it stays: some records are hundreds of bytes wide.
    list.append(Record())
    try list[list.count - 1].merge(from: &nested)
  }

  // MARK: Bytes

  /// The memory of `range`, valid as long as the reader's.
  @inlinable @inline(__always)
  public func slice(_ range: Range<Int>) -> UnsafeRawBufferPointer {
    UnsafeRawBufferPointer(rebasing: base[range])
  }

  /// A number that is no field.
  @inlinable @inline(__always)
  public mutating func varint() throws(CodecError) -> UInt64 {
    if offset < end {
      let byte = base[offset]
      if byte < 0x80 {
        offset += 1
        return UInt64(byte)
      }
    }
    return try longVarint()
  }

  @usableFromInline
  mutating func longVarint() throws(CodecError) -> UInt64 {
    let start = offset
    var value: UInt64 = 0
    var shift: UInt64 = 0
    while offset < end {
      let byte = base[offset]
      offset += 1
      // The tenth byte has one bit of the number.
      guard shift < 63 || byte <= 1 else {
        throw CodecError(.malformedVarint, "protobuf", offset: start)
      }
      value |= UInt64(byte & 0x7f) << shift
      if byte < 0x80 { return value }
      shift += 7
    }
    throw CodecError(.truncated, "protobuf", offset: start)
  }
}

// MARK: Skipping

extension ProtoReader {
  /// Steps over the present field.
  public mutating func skip() throws(CodecError) {
    try skip(depth: 0)
  }

  /// Steps over a known field whose wire type is not the expected one.
  @usableFromInline
  mutating func skipMismatch() throws(CodecError) {
    if isStrict {
      throw CodecError(
        .malformedTag, "protobuf wire type \(wireType) in field \(fieldNumber)", offset: offset)
    }
    try skip()
  }

  private mutating func skip(depth: Int) throws(CodecError) {
    let start = offset
    switch wireType {
    case 0: _ = try varint()
    case 1: try advance(8)
    case 2:
      let count = try varint()
      guard count <= UInt64(end - offset) else {
        throw CodecError(.truncated, "protobuf", offset: start)
      }
      offset += Int(count)
    case 3: try skipGroup(depth: depth)
    case 5: try advance(4)
    default: throw CodecError(.malformedTag, "protobuf", offset: start)
    }
  }

  private mutating func skipGroup(depth: Int) throws(CodecError) {
    let group = fieldNumber
    guard depth < Self.maxGroupDepth else {
      throw CodecError(.malformedTag, "protobuf group", offset: offset)
    }
    while try next() {
      if wireType == 4 {
        guard fieldNumber == group else { break }
        return
      }
      try skip(depth: depth + 1)
    }
    throw CodecError(.malformedTag, "protobuf group", offset: offset)
  }

  private mutating func advance(_ count: Int) throws(CodecError) {
    guard end - offset >= count else {
      throw CodecError(.truncated, "protobuf", offset: offset)
    }
    offset += count
  }
}
