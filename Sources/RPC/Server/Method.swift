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

  init(path: String, shape: Shape) {
    self.path = path
    pathBytes = Array(path.utf8)
    self.shape = shape
  }
}
