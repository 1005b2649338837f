package import NIOCore
import Synchronization

/// A request over plain HTTP, whichever version it came in.
package struct HTTPRequest: Sendable, Hashable {
  package var method: String
  /// As sent, percent-encoded; begins with `/`.
  package var path: String
  /// What follows `?`, as sent; empty where there is none.
  package var query: String
  /// At most `HTTPService.Limits.bodyBytes`. Empty over HTTP/2, where a body is dropped as it comes.
  package var body = ByteBuffer()

  /// - Parameter target: in origin form (`/path?query`) or absolute form (`http://host/path?query`).
  ///   Nil for any other.
  package init?(method: String, target: String) {
    var rest = target[...]
    for scheme in ["http://", "https://"] where rest.lowercased().hasPrefix(scheme) {
      rest = rest.dropFirst(scheme.count)
      guard let host = rest.first, !"/?#".contains(host) else { return nil }
      rest = rest.drop { $0 != "/" && $0 != "?" && $0 != "#" }
      if rest.first != "/" { rest = "/" + rest }
      break
    }
    guard rest.first == "/" else { return nil }
    rest = rest.prefix { $0 != "#" }
    let mark = rest.firstIndex(of: "?") ?? rest.endIndex
    self.method = method
    path = String(rest[..<mark])
    query = String(rest[mark...].dropFirst())
  }

  /// Whether the method asks to read only.
  package var isRead: Bool { method == "GET" || method == "HEAD" }
}

/// The response to a request over plain HTTP.
package struct HTTPReply: Sendable {
  package var code: Int
  package var contentType: String
  package var body: ByteBuffer

  package init(code: Int = 200, contentType: String, body: ByteBuffer) {
    self.code = code
    self.contentType = contentType
    self.body = body
  }

  package init(code: Int, text: String) {
    self.init(
      code: code, contentType: "text/plain; charset=utf-8", body: ByteBuffer(string: text))
  }
}

/// What a port serves over plain HTTP, beside gRPC or alone.
package struct HTTPService: Sendable {
  /// Takes the reply, once, on any thread.
  package typealias Done = @Sendable (HTTPReply) -> Void

  /// Timeouts and limits. Sizes in bytes.
  package struct Limits: Sendable {
    /// From the start of a connection to the end of its first request.
    package var requestTimeout = TimeAmount.seconds(10)
    /// From a reply to the end of the next request.
    package var idleTimeout = TimeAmount.seconds(75)
    /// From the end of a request until its reply has been passed to the socket.
    package var replyTimeout = TimeAmount.seconds(30)
    /// Of a request's line and headers.
    package var headerBytes = 16 << 10
    package var headerCount = 100
    /// Of a request's body.
    package var bodyBytes = 64 << 10
    /// From a last reply until the client closes, and what it may send meanwhile; dropped unread.
    package var lingerTimeout = TimeAmount.seconds(5)
    package var lingerBytes = 4 << 20
    /// Requests that may wait on a connection behind the one under way. Clients that send more before they
    /// have read the replies are disconnected.
    package var pipelinedRequests = 16
    /// Of all replies of the service that clients have not taken yet.
    package var replyBytes = 64 << 20

    package init() {}
  }

  package let limits: Limits
  /// Called on the event loop; must not block.
  let respond: @Sendable (HTTPRequest, @escaping Done) -> Void
  let replies: ReplyBudget

  package init(
    limits: Limits = Limits(),
    _ respond: @escaping @Sendable (HTTPRequest, @escaping Done) -> Void
  ) {
    self.limits = limits
    self.respond = respond
    replies = ReplyBudget(limit: limits.replyBytes)
  }
}

/// The bytes of replies that clients have not taken yet, over all connections of a service. Any thread.
final class ReplyBudget: Sendable {
  private let limit: Int
  private let held = Mutex(0)

  init(limit: Int) {
    self.limit = limit
  }

  /// False when there is no capacity; a single reply of any size has capacity.
  func take(_ bytes: Int) -> Bool {
    held.withLock { held in
      guard held == 0 || bytes <= limit - held else { return false }
      held += bytes
      return true
    }
  }

  func give(back bytes: Int) {
    held.withLock { $0 -= bytes }
  }

  /// The reply, if there is capacity for it, or a refusal that takes none.
  func admit(_ reply: HTTPReply) -> (reply: HTTPReply, held: Int) {
    let bytes = reply.body.readableBytes
    if take(bytes) { return (reply, bytes) }
    return (HTTPReply(code: 503, text: "too many replies are under way\n"), 0)
  }
}
