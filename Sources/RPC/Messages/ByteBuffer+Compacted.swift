import NIOCore

extension ByteBuffer {
  /// A copy of its own, if this is a small slice that would keep a large read buffer alive.
  func compacted() -> ByteBuffer {
    guard storageCapacity > 4 * readableBytes + 1024 else { return self }
    return ByteBuffer(bytes: readableBytesView)
  }
}
