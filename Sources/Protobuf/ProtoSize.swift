/// Sizes of protobuf fields with their tags, in bytes; the counterpart of `ProtoWriter`, call by call.
public enum ProtoSize {
  /// A number without a tag.
  @inlinable @inline(__always)
  public static func varint(_ value: UInt64) -> Int {
    (63 - (value | 1).leadingZeroBitCount) / 7 + 1
  }

  /// A number; 0 is left out.
  @inlinable @inline(__always)
  public static func uint64(_ value: UInt64) -> Int {
    value == 0 ? 0 : 1 + varint(value)
  }

  /// A number of 32 bits.
  @inlinable
  public static func uint32(_ value: UInt32) -> Int { uint64(UInt64(value)) }

  /// A signed number, not zigzag: ten bytes where it is negative.
  @inlinable
  public static func int64(_ value: Int64) -> Int { uint64(UInt64(bitPattern: value)) }

  /// An enumeration's number, which is never negative here.
  @inlinable @inline(__always)
  public static func number(_ value: Int) -> Int { uint64(UInt64(value)) }

  /// False is left out.
  @inlinable
  public static func bool(_ value: Bool) -> Int { value ? 2 : 0 }

  /// A byte string; an empty one is left out.
  @inlinable @inline(__always)
  public static func bytes(_ value: [UInt8]) -> Int { value.isEmpty ? 0 : body(value.count) }

  /// A string; an empty one is left out.
  @inlinable
  public static func string(_ value: String) -> Int {
    value.isEmpty ? 0 : body(value.utf8.count)
  }

  /// A list of numbers in the packed form.
  @inlinable
  public static func packed(_ values: [UInt64]) -> Int {
    values.isEmpty ? 0 : body(packedBody(values))
  }

  /// The numbers of a packed list, without its tag and length.
  @inlinable
  public static func packedBody(_ values: [UInt64]) -> Int {
    var size = 0
    for value in values { size += varint(value) }
    return size
  }

  /// A nested record, empty or not.
  @inlinable
  public static func record<Record: ProtoRecord>(_ record: Record) -> Int {
    body(record.protoSize)
  }

  /// A nested record; nil is left out.
  @inlinable
  public static func record<Record: ProtoRecord>(_ record: Record?) -> Int {
    guard let size = record?.protoSize else { return 0 }
    return body(size)
  }

  /// Nested records, a field each.
  @inlinable
  public static func records<Record: ProtoRecord>(_ records: [Record]) -> Int {
    var size = 0
    let span = records.span
    for index in span.indices { size += body(span[index].protoSize) }
    return size
  }

  /// A length-delimited value of `count` bytes, which may be 0.
  @inlinable @inline(__always)
  public static func body(_ count: Int) -> Int { 1 + varint(UInt64(count)) + count }
}
