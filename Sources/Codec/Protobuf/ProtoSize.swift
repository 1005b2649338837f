/// Sizes of protobuf fields with their tags; the counterpart of `ProtoWriter`, call by call.
enum ProtoSize {
  @inline(__always)
  static func varint(_ value: UInt64) -> Int {
    (63 - (value | 1).leadingZeroBitCount) / 7 + 1
  }

  @inline(__always)
  static func uint64(_ value: UInt64) -> Int {
    value == 0 ? 0 : 1 + varint(value)
  }

  static func uint32(_ value: UInt32) -> Int { uint64(UInt64(value)) }

  static func int64(_ value: Int64) -> Int { uint64(UInt64(bitPattern: value)) }

  static func number(_ value: Int) -> Int { uint64(UInt64(value)) }

  static func bool(_ value: Bool) -> Int { value ? 2 : 0 }

  @inline(__always)
  static func bytes(_ value: [UInt8]) -> Int { value.isEmpty ? 0 : body(value.count) }

  static func string(_ value: String) -> Int { value.isEmpty ? 0 : body(value.utf8.count) }

  static func packed(_ values: [UInt64]) -> Int {
    values.isEmpty ? 0 : body(packedBody(values))
  }

  static func packedBody(_ values: [UInt64]) -> Int {
    var size = 0
    for value in values { size += varint(value) }
    return size
  }

  static func record<Record: ProtoRecord>(_ record: Record) -> Int { body(record.protoSize) }

  static func record<Record: ProtoRecord>(_ record: Record?) -> Int {
    guard let size = record?.protoSize else { return 0 }
    return body(size)
  }

  static func records<Record: ProtoRecord>(_ records: [Record]) -> Int {
    var size = 0
    let span = records.span
    for index in span.indices { size += body(span[index].protoSize) }
    return size
  }

  /// A length-delimited value of `count` bytes, which may be 0.
  @inline(__always)
  static func body(_ count: Int) -> Int { 1 + varint(UInt64(count)) + count }
}
