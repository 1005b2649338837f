package import Codec

/// Deletes all locks, records and values of a range, whatever transactions they belong to.
package struct DeleteRange: Sendable, Hashable {
  /// Encoded keys, with an end.
  package var range: KeyRange
  /// Whether the data stays and only observers are notified.
  package var notifyOnly: Bool

  package init(range: KeyRange, notifyOnly: Bool = false) {
    self.range = range
    self.notifyOnly = notifyOnly
  }

  /// Nothing is read, and no latch is needed.
  package func execute() -> CommandOutput<Void> {
    var transaction = MVCCTransaction()
    for cf in [DataCF.lock, .write, .default] where !range.isEmpty {
      transaction.deleteRange(cf, range, notifyOnly: notifyOnly)
    }
    return CommandOutput(transaction.changes, ())
  }
}
