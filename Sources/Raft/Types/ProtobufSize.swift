/// Sizes in the protobuf wire format.
enum ProtobufSize {
  /// Bytes a varint takes.
  @inline(__always)
  static func varint(_ value: UInt64) -> Int {
    (63 - (value | 1).leadingZeroBitCount) / 7 + 1
  }
}
