import NIOCore
import SwiftProtobuf

/// Lets swift-protobuf write a message straight into a `ByteBuffer`.
struct BufferBytes: SwiftProtobufContiguousBytes {
  var buffer: ByteBuffer

  init(repeating byte: UInt8, count: Int) {
    buffer = ByteBuffer()
    buffer.reserveCapacity(count)
    // The encoder fills every byte it asked for; moving the writer is all that is left to do here.
    buffer.moveWriterIndex(to: count)
  }

  init<S: Sequence>(_ sequence: S) where S.Element == UInt8 {
    buffer = ByteBuffer(bytes: sequence)
  }

  var count: Int { buffer.readableBytes }

  func withUnsafeBytes<R>(_ body: (UnsafeRawBufferPointer) throws -> R) rethrows -> R {
    try buffer.withUnsafeReadableBytes(body)
  }

  mutating func withUnsafeMutableBytes<R>(
    _ body: (UnsafeMutableRawBufferPointer) throws -> R
  ) rethrows -> R {
    try buffer.withUnsafeMutableReadableBytes(body)
  }
}
