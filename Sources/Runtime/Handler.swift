/// A single-owner state machine behind a mailbox: the one primitive everything that runs is made of.
///
/// A handler owns its state alone. The host calls `handle` with everything that was queued (bounded),
/// then `flush` once, so that batching and group commit arise by themselves under load while a lone
/// message never waits. All calls come from one thread, or from the simulator's only thread; a
/// handler cannot tell which.
package protocol Handler<Message>: SendableMetatype {
  associatedtype Message: Sendable

  /// Consumes the batch, in order. The host empties the array afterwards.
  mutating func handle(_ batch: [Message])

  /// Called once after each batch: the place for one write, one wake-up, one flush.
  mutating func flush()

  /// Called once, after the mailbox was closed and the last batch was handled. Everything the
  /// handler still owes a response must be completed here.
  mutating func stop()
}

extension Handler {
  package mutating func flush() {}
  package mutating func stop() {}
}
