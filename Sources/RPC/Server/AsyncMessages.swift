package import NIOCore

/// The messages of a call's other side, for a task. Taking one frees space for the next: a slow
/// reader slows the sender down. Throws `RPCStatus` when the call is cancelled or fails.
package struct AsyncMessages: AsyncSequence, Sendable {
  package typealias Element = ByteBuffer

  /// Waits for the next message; ends with the stream, throws its status when that is an error.
  package struct AsyncIterator: AsyncIteratorProtocol {
    var base: AsyncThrowingStream<ByteBuffer, any Error>.Iterator
    let stream: CallStream

    package mutating func next() async throws -> ByteBuffer? {
      guard let message = try await base.next() else { return nil }
      stream.consumed(message.readableBytes)
      return message
    }
  }

  let base: AsyncThrowingStream<ByteBuffer, any Error>
  let stream: CallStream

  package func makeAsyncIterator() -> AsyncIterator {
    AsyncIterator(base: base.makeAsyncIterator(), stream: stream)
  }
}
