/// The result of checking a history.
package enum Verdict: Sendable, Hashable {
  /// The history is linearizable.
  case linearizable(Summary)
  /// The history is not linearizable.
  case violation(Violation)
  /// The search was abandoned, or the history is invalid, for the given reason.
  case undecided(String)

  /// The size of a checked history.
  package struct Summary: Sendable, Hashable {
    package var operations: Int
    /// Keys with at least one call.
    package var keys: Int
    /// Calls with the outcome `unknown`.
    package var unknown: Int

    package init(operations: Int, keys: Int, unknown: Int) {
      self.operations = operations
      self.keys = keys
      self.unknown = unknown
    }
  }
}

/// A key whose calls are not linearizable.
package struct Violation: Sendable, Hashable {
  package var key: [UInt8]
  /// Calls on the key that are not linearizable, by start. They were shrunk: usually every one is necessary.
  package var operations: [Operation]
  /// The value of the key before the first call; nil: absent.
  package var initial: [UInt8]?

  package init(key: [UInt8], operations: [Operation], initial: [UInt8]? = nil) {
    self.key = key
    self.operations = operations
    self.initial = initial
  }
}
