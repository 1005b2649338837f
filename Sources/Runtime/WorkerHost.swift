/// A state machine that consumes the messages of one mailbox: the actor of this code base.
///
/// A handler owns its state alone; all its calls come from one thread. The host calls `handle` with the queued
/// messages, up to a limit, and then `flush` once. So batches and group commits grow with the load, and a
/// single message does not wait. Whether the thread is its own or the simulator's is not visible to it.
package protocol Handler<Message>: SendableMetatype {
  associatedtype Message: Sendable

  /// Handles a batch of messages, in order. Never empty.
  mutating func handle(_ batch: [Message])

  /// Called once after each batch, for what is done once per batch: a write, a wake-up, sending. The default does
  /// nothing.
  mutating func flush()

  /// Called once, after the mailbox is closed and the last batch was handled. Requests that are not completed
  /// yet must be completed here. The default does nothing.
  mutating func stop()
}

extension Handler {
  package mutating func flush() {}
  package mutating func stop() {}
}

/// Runs handlers and timers: `ThreadHost` in production, a seeded scheduler on virtual time in simulation. Any
/// thread may call.
package protocol WorkerHost: Sendable {
  /// The clock of every component on this host.
  var clock: any Clock { get }

  /// Starts a worker.
  ///
  /// `make` runs on the worker's thread, so the handler need not be `Sendable`.
  ///
  /// - Parameters:
  ///   - name: shown in thread lists and traces; at most 15 bytes reach the kernel.
  ///   - bound: the capacity of its mailbox for `send`.
  func spawn<H: Handler>(
    name: String, bound: MailboxBound<H.Message>,
    make: @escaping @Sendable (Mailbox<H.Message>) -> H
  ) -> Worker<H.Message>

  /// Calls `fire` every `interval`, which is at least a millisecond, until the timer is canceled. Calls that a
  /// stall has delayed are not made up for. `fire` runs on the timer thread and must only send messages.
  func every(_ interval: Duration, _ fire: @escaping @Sendable () -> Void) -> any Cancellable

  /// Calls `fire` once after `delay`, unless it is canceled. `fire` runs on the timer thread and must only send
  /// messages.
  func after(_ delay: Duration, _ fire: @escaping @Sendable () -> Void) -> any Cancellable
}

extension WorkerHost {
  /// Starts a worker with small messages: only their number is bounded.
  package func spawn<H: Handler>(
    name: String, capacity: Int, make: @escaping @Sendable (Mailbox<H.Message>) -> H
  ) -> Worker<H.Message> {
    spawn(name: name, bound: MailboxBound(count: capacity), make: make)
  }
}

/// A timer that can be canceled, from any thread.
package protocol Cancellable: Sendable {
  /// Prevents later calls. A call in progress may still finish afterwards. Canceling twice has no effect.
  func cancel()
}

/// The owner's handle on a running worker.
package struct Worker<Message: Sendable>: Sendable {
  /// The queue of the worker's messages.
  package let mailbox: Mailbox<Message>
  private let join: @Sendable () -> Void

  package init(mailbox: Mailbox<Message>, join: @escaping @Sendable () -> Void) {
    self.mailbox = mailbox
    self.join = join
  }

  /// Closes the mailbox and blocks until the handler has handled the queued messages and stopped.
  ///
  /// Must not be called on a worker of the same host: in simulation there is only one thread.
  package func stop() {
    mailbox.close()
    join()
  }
}
