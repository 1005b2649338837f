/// A failed engine operation, with the engine's message.
package struct EngineError: Error, Sendable, Hashable {
  /// What a caller may want to tell apart.
  package enum Kind: Sendable, Hashable {
    /// The engine was closed before the call.
    case closed
    /// The directory is in use by another process or engine.
    case locked
    /// The directory cannot be read or written by this user.
    case denied
    /// Stored bytes are not what was written.
    case corruption
    /// The file system failed; for writes the engine must not be trusted any longer.
    case io
    /// The file system is full.
    case noSpace
    /// A file or directory is not there.
    case notFound
    /// The request makes no sense, whatever the state of the disk.
    case invalid
    case other
  }

  package var kind: Kind
  /// The operation that failed, with the path it was about where there is one.
  package var operation: String
  package var message: String

  package init(_ kind: Kind, operation: String, message: String) {
    self.kind = kind
    self.operation = operation
    self.message = message
  }

  static func closed(_ operation: String) -> EngineError {
    EngineError(.closed, operation: operation, message: "the engine is closed")
  }
}

extension EngineError: CustomStringConvertible {
  package var description: String { "\(operation): \(message)" }
}
