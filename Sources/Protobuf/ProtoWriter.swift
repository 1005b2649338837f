/// Writes protobuf fields into memory of the exact size that was asked for beforehand. Fields of
/// value zero are left out, as proto3 wants it.
///
/// Field numbers are 1 to 15, so every tag is one byte; no record of ours needs more.
public struct ProtoWriter {
  // Bytes go straight into an array's spare capacity: appending them one by one costs several
  // times as much. Every write checks the bounds, so that `cursor` never passes `end`.
  @usableFromInline var cursor: UnsafeMutablePointer<UInt8>
  @usableFromInline let end: UnsafeMutablePointer<UInt8>

  @inlinable
  init(_ start: UnsafeMutablePointer<UInt8>, count: Int) {
    cursor = start
    end = start + count
  }

  /// Adds exactly `count` bytes to `bytes`, all of which `body` must write.
  @inlinable @inline(__always)
  public static func append(
    _ count: Int, to bytes: inout [UInt8], _ body: (inout ProtoWriter) -> Void
  ) {
    guard count > 0 else { return }
    bytes.append(addingCapacity: count) { span in
      span.withUnsafeMutableBufferPointer { buffer, initialized in
        guard let start = buffer.baseAddress, buffer.count >= count else {
          preconditionFailure("an array has less capacity than it was asked for")
        }
        var writer = ProtoWriter(start, count: count)
        body(&writer)
        precondition(writer.cursor == writer.end, "a record is shorter than its size")
        initialized = count
      }
    }
  }

  // MARK: Fields

  /// A number; 0 is left out.
  @inlinable @inline(__always)
  public mutating func uint64(_ field: UInt8, _ value: UInt64) {
    guard value != 0 else { return }
    byte(field << 3)
    varint(value)
  }

  /// A number of 32 bits.
  @inlinable
  public mutating func uint32(_ field: UInt8, _ value: UInt32) {
    uint64(field, UInt64(value))
  }

  /// A signed number, not zigzag.
  @inlinable
  public mutating func int64(_ field: UInt8, _ value: Int64) {
    uint64(field, UInt64(bitPattern: value))
  }

  /// An enumeration's number, which is never negative here.
  @inlinable @inline(__always)
  public mutating func number(_ field: UInt8, _ value: Int) {
    uint64(field, UInt64(value))
  }

  /// False is left out.
  @inlinable @inline(__always)
  public mutating func bool(_ field: UInt8, _ value: Bool) {
    if value { uint64(field, 1) }
  }

  /// A byte string; an empty one is left out.
  @inlinable
  public mutating func bytes(_ field: UInt8, _ value: [UInt8]) {
    guard !value.isEmpty else { return }
    header(field, value.count)
    raw(value)
  }

  /// A byte string in borrowed memory; an empty one is left out.
  @inlinable
  public mutating func bytes(_ field: UInt8, _ value: RawSpan) {
    guard value.byteCount != 0 else { return }
    header(field, value.byteCount)
    value.withUnsafeBytes { raw($0) }
  }

  /// A string; an empty one is left out.
  @inlinable
  public mutating func string(_ field: UInt8, _ value: String) {
    guard !value.isEmpty else { return }
    header(field, value.utf8.count)
    for unit in value.utf8 { byte(unit) }
  }

  /// A list of numbers in the packed form.
  @inlinable
  public mutating func packed(_ field: UInt8, _ values: [UInt64]) {
    guard !values.isEmpty else { return }
    header(field, ProtoSize.packedBody(values))
    for value in values { varint(value) }
  }

  /// A nested record, written even when it is empty: its presence counts.
  @inlinable
  public mutating func record<Record: ProtoRecord>(_ field: UInt8, _ record: Record) {
    header(field, record.protoSize)
    record.write(to: &self)
  }

  /// A nested record; nil is left out.
  @inlinable
  public mutating func record<Record: ProtoRecord>(_ field: UInt8, _ record: Record?) {
    // Optional chaining reads in place; binding the value would copy it.
    guard let size = record?.protoSize else { return }
    header(field, size)
    record?.write(to: &self)
  }

  /// Nested records, a field each.
  @inlinable
  public mutating func records<Record: ProtoRecord>(_ field: UInt8, _ records: [Record]) {
    // A span lends its elements; a loop over the array would copy each.
    let span = records.span
    for index in span.indices {
      header(field, span[index].protoSize)
      span[index].write(to: &self)
    }
  }

  /// The tag and length of a value of `count` bytes that the caller writes next.
  @inlinable @inline(__always)
  public mutating func header(_ field: UInt8, _ count: Int) {
    byte(field << 3 | 2)
    varint(UInt64(count))
  }

  // MARK: Bytes

  /// Fields that are encoded already.
  @inlinable
  public mutating func raw(_ fields: [UInt8]) {
    fields.withUnsafeBytes { raw($0) }
  }

  @inlinable
  mutating func raw(_ memory: UnsafeRawBufferPointer) {
    guard let start = memory.baseAddress else { return }
    precondition(end - cursor >= memory.count, "a record is longer than its size")
    UnsafeMutableRawPointer(cursor).copyMemory(from: start, byteCount: memory.count)
    cursor += memory.count
  }

  @inlinable @inline(__always)
  mutating func byte(_ value: UInt8) {
    precondition(cursor < end, "a record is longer than its size")
    cursor.pointee = value
    cursor += 1
  }

  @inlinable @inline(__always)
  mutating func varint(_ value: UInt64) {
    var rest = value
    while rest >= 0x80 {
      byte(UInt8(truncatingIfNeeded: rest) | 0x80)
      rest >>= 7
    }
    byte(UInt8(truncatingIfNeeded: rest))
  }
}
