package import Engine

/// Why PD did not do what a call asked for.
///
/// A refusal is a response: over the network it is sent in the response's header and the call succeeds. Every
/// other error ends the call, or the stream, with `code`.
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

  /// The kinds of refusals, named as in `pdpb.ErrorType`.
  package enum Refusal: Sendable, Hashable, CaseIterable {
    /// A refusal without a kind of its own.
    case unknown
    case notBootstrapped
    case storeTombstone
    case alreadyBootstrapped
    case regionNotFound
    case duplicatedEntry
    case entryNotFound
    case invalidValue
    case regionsNotContainAllKeyRange
  }

  package var code: Code
  package var message: String
  /// Nil if the call fails with `code`.
  package let refusal: Refusal?

  package init(_ code: Code, _ message: String) {
    self.code = code
    self.message = message
    refusal = nil
  }

  package init(refusal: Refusal, _ message: String) {
    code = .unknown
    self.message = message
    self.refusal = refusal
  }

  /// The state could not be read or written.
  package init(_ error: EngineError) {
    self.init(.internal, "placement driver state: \(error)")
  }

  /// A request names another cluster.
  package static func mismatch(_ clusterID: UInt64, _ named: UInt64) -> PDError {
    PDError(.failedPrecondition, "mismatch cluster id, need \(clusterID) but got \(named)")
  }

  /// The call arrived when PD was no longer running.
  package static let stopped = PDError(.unavailable, "the placement driver has stopped")
}

extension PDError: CustomStringConvertible {
  package var description: String { message }
}
