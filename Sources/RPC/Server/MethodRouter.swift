package import NIOCore

/// The methods a server responds, by path (`/package.Service/Method`).
package struct MethodRouter {
  /// Called on the event loop once for each call that ends: path, code, time from headers to end.
  package typealias Observer = @Sendable (String, RPCCode, TimeAmount) -> Void
  package typealias UnaryHandler = @Sendable (ByteBuffer, UnaryCall) -> Void
  package typealias StreamFactory = @Sendable (StreamCall) -> any StreamHandler
  package typealias AsyncBody = @Sendable (AsyncMessages, StreamCall) async throws -> RPCStatus

  private(set) var methods: [Method] = []

  /// For metrics. Paths without a method are reported as `unknown`.
  package var observer: Observer?

  package init() {}

  /// What is served, in the order it was registered.
  package var paths: [String] { methods.map(\.path) }

  /// One message in, one response. `handler` runs on the event loop and must not block.
  ///
  /// - Parameter busyReply: an encoded message for a server that is busy, sent in place of an
  ///   response when it holds too much; nil for the status `resourceExhausted`.
  package mutating func unary(
    _ path: String, busyReply: ByteBuffer? = nil, _ handler: @escaping UnaryHandler
  ) {
    methods.append(Method(path: path, shape: .unary(handler), busyReply: busyReply))
  }

  /// Any shape with a stream in it, by callbacks. `make` runs on the event loop.
  package mutating func stream(_ path: String, _ make: @escaping StreamFactory) {
    methods.append(Method(path: path, shape: .stream(make)))
  }

  /// Any shape with a stream in it, as a task per call: for the control plane, not for hot paths.
  /// A thrown `RPCStatus` is the call's status; any other error becomes `internal`.
  package mutating func asyncStream(_ path: String, _ body: @escaping AsyncBody) {
    stream(path) { call in AsyncStreamHandler(call: call, body: body) }
  }
}
