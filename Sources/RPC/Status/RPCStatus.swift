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

/// The seventeen gRPC status codes.
package enum RPCCode: Int, Sendable, CaseIterable {
  case ok = 0
  case cancelled = 1
  case unknown = 2
  case invalidArgument = 3
  case deadlineExceeded = 4
  case notFound = 5
  case alreadyExists = 6
  case permissionDenied = 7
  case resourceExhausted = 8
  case failedPrecondition = 9
  case aborted = 10
  case outOfRange = 11
  case unimplemented = 12
  case `internal` = 13
  case unavailable = 14
  case dataLoss = 15
  case unauthenticated = 16

  /// The code of an HTTP response that carried no `grpc-status` (gRPC's own mapping table).
  init(httpStatus: Int) {
    switch httpStatus {
    case 400: self = .internal
    case 401: self = .unauthenticated
    case 403: self = .permissionDenied
    case 404: self = .unimplemented
    case 429, 502, 503, 504: self = .unavailable
    default: self = .unknown
    }
  }

  /// The code of a stream that the peer reset with this HTTP/2 error code.
  init(resetCode: UInt32) {
    switch resetCode {
    case 0x7: self = .unavailable  // REFUSED_STREAM: never processed
    case 0x8: self = .cancelled  // CANCEL
    case 0xb: self = .resourceExhausted  // ENHANCE_YOUR_CALM
    case 0xc: self = .permissionDenied  // INADEQUATE_SECURITY
    default: self = .internal
    }
  }
}
