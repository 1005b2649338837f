/// A failed engine operation.
package struct EngineError: Error, Sendable, Hashable {
  /// The classes of errors that callers distinguish.
  package enum Kind: Sendable, Hashable {
    /// The engine was closed before the call.
    case closed
    /// The directory is in use by another process or engine.
    case locked
    /// The directory cannot be read or written by this user.
    case denied
    /// Stored data is not what was written.
    case corruption
    /// The disk failed. After a failed write the engine accepts no more writes.
    case io
    /// The file system is full.
    case noSpace
    /// A file or directory is missing.
    case notFound
    /// The request is invalid, whatever the state of the engine.
    case invalid
    case other
  }

  package var kind: Kind
  /// The operation that failed, with its path if it has one.
  package var operation: String
  /// The message of the engine.
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
