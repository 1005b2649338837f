package import Engine
import Wire

/// Why a call was refused.
///
/// What the protocol can say in a response header is said there (`headerType`) and never leaves the
/// driver as an error; the rest ends the call with a gRPC status.
package struct PDError: Error, Sendable, Hashable {
  /// Numbers are gRPC's.
  package enum Code: Int, Sendable, Hashable {
    case unknown = 2
    case invalidArgument = 3
    case notFound = 5
    case failedPrecondition = 9
    case unimplemented = 12
    case `internal` = 13
    case unavailable = 14
    case dataLoss = 15
  }

  package var code: Code
  package var message: String
  /// The `pdpb.ErrorType` when the refusal belongs into a response header.
  let headerType: Pdpb_ErrorType?

  package init(_ code: Code, _ message: String) {
    self.code = code
    self.message = message
    headerType = nil
  }

  /// A refusal the protocol has a place for.
  init(header type: Pdpb_ErrorType, _ message: String) {
    code = .unknown
    self.message = message
    headerType = type
  }

  /// The state could not be read or written.
  package init(_ error: EngineError) {
    self.init(.internal, "placement driver state: \(error)")
  }

  /// The call arrived when the driver was no longer running.
  package static let stopped = PDError(.unavailable, "the placement driver has stopped")
}

extension PDError: CustomStringConvertible {
  package var description: String { message }
}
