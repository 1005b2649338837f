package import NIOCore

/// The receiving side of a call with streams, on the server. Called on the call's event loop only.
///
/// Messages are delivered while there is capacity for responses: neither the stream's own queue, nor
/// its connection's, nor what the server holds is over its bound. Until then they wait, and their
/// sender with them.
package protocol StreamHandler: AnyObject {
  /// A message arrived. It may be a slice of a larger buffer: copy what is kept for long.
  func onMessage(_ message: ByteBuffer)
  /// The client will send no more. The call goes on until `finish`.
  func onHalfClose()
  /// The client went away, or the deadline passed, before `finish`. Nothing more can be sent.
  func onCancel(_ status: RPCStatus)
  /// There is capacity again, after `StreamCall.awaitCapacity`.
  func onCapacity()
}

extension StreamHandler {
  package func onCapacity() {}
}

/// A served method.
final class Method: Sendable {
  enum Shape: Sendable {
    case unary(MethodRouter.UnaryHandler)
    case stream(MethodRouter.StreamFactory)
  }

  let path: String
  let pathBytes: [UInt8]
  let shape: Shape
  /// How large its responses are.
  let replies = ReplyEstimate()
  /// The response of a server that has no capacity for the call; nil for a status.
  let busyReply: ByteBuffer?

  init(path: String, shape: Shape, busyReply: ByteBuffer? = nil) {
    self.path = path
    pathBytes = Array(path.utf8)
    self.shape = shape
    self.busyReply = busyReply
  }
}
