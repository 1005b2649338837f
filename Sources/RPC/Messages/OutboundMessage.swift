import NIOCore

/// One message on its way out; its five prefix bytes exist only once they are written.
struct OutboundMessage {
  static let prefixBytes = 5

  private var payload: ByteBuffer
  private var prefixSent = 0
  private let length: UInt32

  init(payload: ByteBuffer) {
    self.payload = payload
    length = UInt32(truncatingIfNeeded: payload.readableBytes)
  }

  /// Bytes that go out as they are, without a prefix: the body of a plain HTTP response.
  init(raw body: ByteBuffer) {
    payload = body
    prefixSent = Self.prefixBytes
    length = 0
  }

  var isDone: Bool { prefixSent == Self.prefixBytes && payload.readableBytes == 0 }

  /// Moves up to `limit` bytes to `out`; returns how many.
  mutating func move(_ limit: Int, to out: inout ByteBuffer) -> Int {
    var moved = 0
    if prefixSent == 0, limit >= Self.prefixBytes {
      out.writeInteger(UInt8(0))
      out.writeInteger(length)
      prefixSent = Self.prefixBytes
      moved = Self.prefixBytes
    }
    while prefixSent < Self.prefixBytes, moved < limit {
      let byte = prefixSent == 0 ? 0 : UInt8(truncatingIfNeeded: length >> (8 * (4 - prefixSent)))
      out.writeInteger(byte)
      prefixSent += 1
      moved += 1
    }
    let count = min(limit - moved, payload.readableBytes)
    if count == payload.readableBytes {
      out.writeBuffer(&payload)
    } else if var part = payload.readSlice(length: count) {
      out.writeBuffer(&part)
    }
    return moved + count
  }
}
