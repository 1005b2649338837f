/// How a call ended: a code and, for people, a message. Thrown by calls that did not end well.
package struct RPCStatus: Error, Sendable, Equatable, CustomStringConvertible {
  package let code: RPCCode
  /// At most `maxMessageBytes` of UTF-8.
  package let message: String

  /// Messages may repeat what a client sent, and go out in a header, three bytes for one: peers take header
  /// lists of 8 KiB, nghttp2 sends none above 64 KiB.
  package static let maxMessageBytes = 1024

  /// A longer message is cut, between Unicode scalars.
  package init(_ code: RPCCode, _ message: String = "") {
    self.code = code
    self.message = message.cutOff(afterUTF8: Self.maxMessageBytes)
  }

  /// The call ended well.
  package static let ok = RPCStatus(.ok)

  package var isOK: Bool { code == .ok }

  package var description: String {
    message.isEmpty ? "\(code)" : "\(code): \(message)"
  }
}
