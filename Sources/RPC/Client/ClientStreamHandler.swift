package import NIOCore

/// The receiving side of a call with streams, on the client. Called on the channel's event loop only.
package protocol ClientStreamHandler: AnyObject {
  /// The server accepted the call. Not called for a call that is refused outright.
  func onMetadata(_ metadata: RPCMetadata)
  /// A message arrived. It may be a slice of a larger buffer: copy what is kept for long.
  func onMessage(_ message: ByteBuffer)
  /// The call is over, well or not. Called exactly once, and last.
  func onClose(_ status: RPCStatus)
}

extension ClientStreamHandler {
  package func onMetadata(_ metadata: RPCMetadata) {}
}

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
