/// Appends protobuf fields to bytes. Fields of value zero are left out, as proto3 wants it.
///
/// Field numbers are 1 to 15, so every tag is one byte; no record of ours needs more.
package struct ProtoWriter {
  private(set) var bytes: [UInt8]

  init(capacity: Int = 0) {
    bytes = []
    bytes.reserveCapacity(capacity)
  }

  /// Takes over `bytes` and writes behind them.
  init(appendingTo bytes: consuming [UInt8]) {
    self.bytes = bytes
  }

  consuming func finish() -> [UInt8] { bytes }

  mutating func reserve(_ count: Int) {
    bytes.reserveCapacity(bytes.count + count)
  }

  @inline(__always)
  mutating func uint64(_ field: UInt8, _ value: UInt64) {
    guard value != 0 else { return }
    bytes.append(field << 3)
    varint(value)
  }

  mutating func uint32(_ field: UInt8, _ value: UInt32) {
    uint64(field, UInt64(value))
  }

  mutating func int64(_ field: UInt8, _ value: Int64) {
    uint64(field, UInt64(bitPattern: value))
  }

  /// An enumeration's number, which is never negative here.
  mutating func number(_ field: UInt8, _ value: Int) {
    uint64(field, UInt64(value))
  }

  mutating func bool(_ field: UInt8, _ value: Bool) {
    if value { bytes.append(field << 3); bytes.append(1) }
  }

  mutating func bytes(_ field: UInt8, _ value: [UInt8]) {
    guard !value.isEmpty else { return }
    header(field, value.count)
    bytes.append(contentsOf: value)
  }

  mutating func bytes(_ field: UInt8, _ value: RawSpan) {
    guard value.byteCount != 0 else { return }
    header(field, value.byteCount)
    value.withUnsafeBytes { bytes.append(contentsOf: $0) }
  }

  mutating func string(_ field: UInt8, _ value: String) {
    guard !value.isEmpty else { return }
    header(field, value.utf8.count)
    bytes.append(contentsOf: value.utf8)
  }

  /// A list of numbers in the packed form.
  mutating func packed(_ field: UInt8, _ values: [UInt64]) {
    guard !values.isEmpty else { return }
    header(field, ProtoSize.packedBody(values))
    for value in values { varint(value) }
  }

  /// A nested record, written even when it is empty: its presence counts.
  mutating func record<Record: ProtoRecord>(_ field: UInt8, _ record: Record) {
    header(field, record.protoSize)
    record.write(to: &self)
  }

  mutating func record<Record: ProtoRecord>(_ field: UInt8, _ record: Record?) {
    if let record { self.record(field, record) }
  }

  mutating func records<Record: ProtoRecord>(_ field: UInt8, _ records: [Record]) {
    for record in records { self.record(field, record) }
  }

  /// The tag and length of a value of `count` bytes that the caller writes next.
  @inline(__always)
  mutating func header(_ field: UInt8, _ count: Int) {
    bytes.append(field << 3 | 2)
    varint(UInt64(count))
  }

  @inline(__always)
  private mutating func varint(_ value: UInt64) {
    var rest = value
    while rest >= 0x80 {
      bytes.append(UInt8(truncatingIfNeeded: rest) | 0x80)
      rest >>= 7
    }
    bytes.append(UInt8(truncatingIfNeeded: rest))
  }
}
