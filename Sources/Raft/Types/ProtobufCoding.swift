/// Sizes in the protobuf wire format.
enum ProtobufSize {
  /// Bytes a varint takes.
  @inline(__always)
  static func varint(_ value: UInt64) -> Int {
    (63 - (value | 1).leadingZeroBitCount) / 7 + 1
  }
}

/// Writes the few protobuf fields that membership changes need; zero fields are left out.
struct ProtobufWriter {
  private(set) var output: [UInt8] = []

  mutating func varint(field: UInt64, _ value: UInt64) {
    guard value != 0 else { return }
    raw(field << 3)
    raw(value)
  }

  mutating func bytes(field: UInt64, _ value: [UInt8]) {
    guard !value.isEmpty else { return }
    message(field: field, value)
  }

  /// A nested message is written even when it is empty: repeated fields count.
  mutating func message(field: UInt64, _ value: [UInt8]) {
    raw(field << 3 | 2)
    raw(UInt64(value.count))
    output.append(contentsOf: value)
  }

  private mutating func raw(_ value: UInt64) {
    var rest = value
    while rest >= 0x80 {
      output.append(UInt8(truncatingIfNeeded: rest) | 0x80)
      rest >>= 7
    }
    output.append(UInt8(rest))
  }
}

/// Reads protobuf fields one by one; every defect of the input is an error.
struct ProtobufReader {
  private var rest: ArraySlice<UInt8>
  private var wireType: UInt64 = 0

  init(_ bytes: ArraySlice<UInt8>) {
    rest = bytes
  }

  /// The number of the next field, or nil at the end.
  mutating func next() throws(RaftError) -> UInt64? {
    guard !rest.isEmpty else { return nil }
    let tag = try raw()
    wireType = tag & 7
    guard tag >> 3 != 0 else { throw .malformed("protobuf field number 0") }
    return tag >> 3
  }

  mutating func varint() throws(RaftError) -> UInt64 {
    guard wireType == 0 else { throw .malformed("protobuf wire type \(wireType) for a number") }
    return try raw()
  }

  mutating func bytes() throws(RaftError) -> ArraySlice<UInt8> {
    guard wireType == 2 else { throw .malformed("protobuf wire type \(wireType) for bytes") }
    let count = try raw()
    guard count <= UInt64(rest.count) else { throw .malformed("truncated protobuf field") }
    return take(Int(count))
  }

  mutating func skip() throws(RaftError) {
    switch wireType {
    case 0: _ = try raw()
    case 2: _ = try bytes()
    case 1, 5:
      let count = wireType == 1 ? 8 : 4
      guard rest.count >= count else { throw .malformed("truncated protobuf field") }
      _ = take(count)
    default: throw .malformed("protobuf wire type \(wireType)")
    }
  }

  private mutating func take(_ count: Int) -> ArraySlice<UInt8> {
    let taken = rest.prefix(count)
    rest = rest.dropFirst(count)
    return taken
  }

  private mutating func raw() throws(RaftError) -> UInt64 {
    var value: UInt64 = 0
    var shift: UInt64 = 0
    while let byte = rest.popFirst() {
      if shift == 63 && byte > 1 { break }
      value |= UInt64(byte & 0x7f) << shift
      if byte < 0x80 { return value }
      shift += 7
    }
    throw .malformed("bad protobuf number")
  }
}
