package import Codec

/// One key of a prewrite.
package struct PrewriteMutation: Sendable, Hashable {
  /// What the transaction does with the key.
  package enum Operation: Sendable, Hashable {
    case put([UInt8])
    case delete
    /// Locks the key and writes nothing that reads see.
    case lock
    /// A put of a key that must have no value.
    case insert([UInt8])
    /// Only checks that the key has no value.
    case checkNotExists
  }

  /// What a pessimistic transaction expects of the key. Raw values are `kvrpcpb.PrewriteRequest.PessimisticAction`'s.
  package enum PessimisticAction: Int, Sendable, Hashable {
    /// The key was not locked and need not be checked.
    case skipCheck = 0
    /// The key was locked.
    case mustBeLocked = 1
    /// The check was put off until now: it is that of an optimistic transaction.
    case constraintCheck = 2
  }

  package var operation: Operation
  /// A user key.
  package var key: [UInt8]
  package var assertion: Assertion
  package var action: PessimisticAction
  /// The `forUpdateTS` that the pessimistic lock must have; nil: any.
  package var expectedForUpdateTS: Timestamp?

  package init(
    _ operation: Operation, key: [UInt8], assertion: Assertion = .none,
    action: PessimisticAction = .skipCheck, expectedForUpdateTS: Timestamp? = nil
  ) {
    self.operation = operation
    self.key = key
    self.assertion = assertion
    self.action = action
    self.expectedForUpdateTS = expectedForUpdateTS
  }

  /// Whether a value of the key is an error.
  var mustNotExist: Bool {
    switch operation {
    case .insert, .checkNotExists: true
    case .put, .delete, .lock: false
    }
  }

  /// The kind of lock that it leaves; nil: none.
  var lockKind: Lock.Kind? {
    switch operation {
    case .put, .insert: .put
    case .delete: .delete
    case .lock: .lock
    case .checkNotExists: nil
    }
  }

  var value: [UInt8]? {
    switch operation {
    case .put(let value), .insert(let value): value
    case .delete, .lock, .checkNotExists: nil
    }
  }
}
