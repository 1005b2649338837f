/// How a call ended: a code and, for people, a message. Thrown by calls that did not end well.
package struct RPCStatus: Error, Sendable, Equatable, CustomStringConvertible {
  package var code: RPCCode
  package var message: String

  package init(_ code: RPCCode, _ message: String = "") {
    self.code = code
    self.message = message
  }

  /// The call ended well.
  package static let ok = RPCStatus(.ok)

  package var isOK: Bool { code == .ok }

  package var description: String {
    message.isEmpty ? "\(code)" : "\(code): \(message)"
  }
}
