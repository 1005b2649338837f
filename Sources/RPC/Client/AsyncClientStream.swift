package import NIOCore
package import SwiftProtobuf

/// A call with streams, for a task. `messages` ends when the call ended well and throws its
/// `RPCStatus` when it did not.
package struct AsyncClientStream: Sendable {
  package let messages: AsyncMessages
  private let stream: ClientStream

  init(messages: AsyncMessages, stream: ClientStream) {
    self.messages = messages
    self.stream = stream
  }

  /// Waits for capacity in the send buffer, then queues the message.
  package func send(_ payload: ByteBuffer) async throws(RPCStatus) {
    try await stream.sendWhenWritable(payload)
  }

  package func send(message: some Message) async throws(RPCStatus) {
    try await send(try MessageCoding.encode(message))
  }

  /// Nothing more will be sent; messages may still come.
  package func finish() { stream.finish() }

  /// Gives the call up.
  package func cancel() { stream.cancel() }
}
