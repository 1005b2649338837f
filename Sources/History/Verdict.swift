/// The result of checking a history.
package enum Verdict: Sendable, Hashable {
  case linearizable(Summary)
  case violation(Violation)
  /// The search was given up, or the history cannot be checked, for the reason given.
  case undecided(String)

  /// What was looked at.
  package struct Summary: Sendable, Hashable {
    package var operations: Int
    package var keys: Int
    /// Calls whose outcome was not known.
    package var unknown: Int

    package init(operations: Int, keys: Int, unknown: Int) {
      self.operations = operations
      self.keys = keys
      self.unknown = unknown
    }
  }
}

/// A key whose calls no order explains.
package struct Violation: Sendable, Hashable {
  package var key: [UInt8]
  /// The calls on the key from which none can be taken away without making it explicable, by start.
  package var operations: [Operation]
  /// What the key held before the first call; nil: nothing.
  package var initial: [UInt8]?

  package init(key: [UInt8], operations: [Operation], initial: [UInt8]? = nil) {
    self.key = key
    self.operations = operations
    self.initial = initial
  }
}
