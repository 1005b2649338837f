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
