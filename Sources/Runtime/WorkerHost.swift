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

/// Runs handlers and timers: dedicated threads in production, a seeded scheduler in simulation.
package protocol WorkerHost: Sendable {
  /// The time every component of this host lives in.
  var clock: any Clock { get }

  /// Starts a worker. `make` runs where the handler will live, so the handler need not be Sendable.
  ///
  /// - Parameters:
  ///   - name: shown in thread lists and traces; at most 15 bytes reach the kernel.
  ///   - bound: what its mailbox accepts before `send` refuses.
  func spawn<H: Handler>(
    name: String, bound: MailboxBound<H.Message>,
    make: @escaping @Sendable (Mailbox<H.Message>) -> H
  ) -> Worker<H.Message>

  /// Calls `fire` every `interval`, at least a millisecond, until the timer is cancelled. `fire` must
  /// only send messages.
  func every(_ interval: Duration, _ fire: @escaping @Sendable () -> Void) -> any Cancellable

  /// Calls `fire` once after `delay` unless cancelled. `fire` must only send messages.
  func after(_ delay: Duration, _ fire: @escaping @Sendable () -> Void) -> any Cancellable
}

extension WorkerHost {
  /// Starts a worker whose messages are small: only their number is bounded.
  package func spawn<H: Handler>(
    name: String, capacity: Int, make: @escaping @Sendable (Mailbox<H.Message>) -> H
  ) -> Worker<H.Message> {
    spawn(name: name, bound: MailboxBound(count: capacity), make: make)
  }
}

/// Something that can be cancelled. Idempotent; callable from any thread.
package protocol Cancellable: Sendable {
  func cancel()
}

/// A running worker, as its owner sees it.
package struct Worker<Message: Sendable>: Sendable {
  /// Where messages for the worker go.
  package let mailbox: Mailbox<Message>
  private let join: @Sendable () -> Void

  package init(mailbox: Mailbox<Message>, join: @escaping @Sendable () -> Void) {
    self.mailbox = mailbox
    self.join = join
  }

  /// Closes the mailbox, lets the handler finish what is queued, and waits for it to end.
  ///
  /// Blocks; never call it from a worker of the same host.
  package func stop() {
    mailbox.close()
    join()
  }
}
