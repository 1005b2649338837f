import NIOCore

/// Bytes on their way through the RPC layer.
typealias Payload = ByteBuffer

/// `kvrpcpb.RawGetResponse`, encoded by hand.
enum RawGetResponse {
  /// Field 4, `not_found`, true.
  static let notFound = ByteBuffer(bytes: [0x20, 0x01])

  /// Field 3, `value`; an empty one is left out, as proto3 wants it.
  static func found(_ value: [UInt8]) -> ByteBuffer {
    guard !value.isEmpty else { return ByteBuffer() }
    var buffer = ByteBufferAllocator().buffer(capacity: value.count + 11)
    buffer.writeInteger(UInt8(0x1A))
    var rest = value.count
    while rest >= 0x80 {
      buffer.writeInteger(UInt8(truncatingIfNeeded: rest) | 0x80)
      rest >>= 7
    }
    buffer.writeInteger(UInt8(rest))
    buffer.writeBytes(value)
    return buffer
  }
}
