import NIOCore

@testable import RPC

/// One method of each shape.
enum TestServices {
  static let echo = "/test.Echo/Unary"
  static let collect = "/test.Echo/Collect"
  static let expand = "/test.Echo/Expand"
  static let chat = "/test.Echo/Chat"
  static let asyncChat = "/test.Echo/AsyncChat"
  static let refuse = "/test.Echo/Refuse"

  static var router: MethodRouter {
    var router = MethodRouter()
    router.unary(echo) { request, call in call.reply(request) }
    router.unary(refuse) { _, call in call.fail(RPCStatus(.notFound, "niente: né % né\n")) }
    router.stream(collect) { EchoHandler($0, .collect) }
    router.stream(expand) { EchoHandler($0, .expand) }
    router.stream(chat) { EchoHandler($0, .chat) }
    router.asyncStream(asyncChat) { messages, call in
      for try await message in messages { try await call.sendWhenWritable(message) }
      return .ok
    }
    return router
  }
}

/// `collect` responds with the number of bytes received, `expand` with a request ten times over,
/// `chat` with each message as it comes.
final class EchoHandler: StreamHandler {
  enum Shape { case collect, expand, chat }

  private let call: StreamCall
  private let shape: Shape
  private let onCancelled: ((RPCStatus) -> Void)?
  private var bytes = 0

  init(_ call: StreamCall, _ shape: Shape, onCancelled: ((RPCStatus) -> Void)? = nil) {
    self.call = call
    self.shape = shape
    self.onCancelled = onCancelled
  }

  func onMessage(_ message: ByteBuffer) {
    bytes += message.readableBytes
    switch shape {
    case .collect: break
    case .expand: for _ in 0..<10 { call.send(message) }
    case .chat: call.send(message)
    }
  }

  func onHalfClose() {
    if shape == .collect { call.send(ByteBuffer(string: "\(bytes)")) }
    call.finish()
  }

  func onCancel(_ status: RPCStatus) { onCancelled?(status) }
}
