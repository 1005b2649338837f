import NIOCore

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
