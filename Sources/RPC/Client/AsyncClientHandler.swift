import NIOCore

/// Feeds an `AsyncMessages` from a client's call.
final class AsyncClientHandler: ClientStreamHandler {
  private let continuation: AsyncThrowingStream<ByteBuffer, any Error>.Continuation

  init(_ continuation: AsyncThrowingStream<ByteBuffer, any Error>.Continuation) {
    self.continuation = continuation
  }

  func onMessage(_ message: ByteBuffer) { continuation.yield(message.compacted()) }

  func onClose(_ status: RPCStatus) {
    if status.isOK { continuation.finish() } else { continuation.finish(throwing: status) }
  }
}
