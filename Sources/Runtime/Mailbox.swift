import Synchronization

/// The bounded queue of a handler: many senders, one consumer. Senders never block.
///
/// - `send` is for work that may be refused: requests, ticks, raft messages. When the queue is full the
///   sender fails the request with `ServerIsBusy`, or drops the message and counts it.
/// - `post` is for messages that must not be lost: the result of a log write, an applied batch. They ignore
///   the bound; their number is bounded by the work that was accepted before.
///
/// Messages of one sender are handled in the order in which they were sent.
package final class Mailbox<Message: Sendable>: Sendable {
  private struct State {
    var queue: [Message] = []
    /// The sum of `bound.cost` over `queue`.
    var bytes = 0
    /// Whether the consumer has seen an empty queue since the last message: the next one must wake it.
    var isIdle = true
    /// Whether new messages are refused. Never reset.
    var isClosed = false
  }

  private let state = Mutex(State())
  private let bound: MailboxBound<Message>
  private let wake: @Sendable () -> Void

  /// - Parameters:
  ///   - bound: the capacity for `send`.
  ///   - wake: called outside the lock, on the sender's thread, when an idle consumer has work. It must not
  ///     block.
  package init(bound: MailboxBound<Message>, wake: @escaping @Sendable () -> Void) {
    self.bound = bound
    self.wake = wake
  }

  /// - Parameter capacity: the number of messages up to which `send` accepts more.
  package convenience init(capacity: Int, wake: @escaping @Sendable () -> Void) {
    self.init(bound: MailboxBound(count: capacity), wake: wake)
  }

  /// Queues a message that may be refused. False if the mailbox is full or closed.
  package func send(_ message: Message) -> Bool {
    enqueue(cost(message), mayRefuse: true) { $0.append(message) }
  }

  /// Queues several messages in order, all or none. False if the mailbox is full or closed.
  package func send(contentsOf messages: [Message]) -> Bool {
    enqueue(cost(messages), mayRefuse: true) { $0.append(contentsOf: messages) }
  }

  /// Queues a message regardless of the bound. False only if the mailbox is closed.
  @discardableResult
  package func post(_ message: Message) -> Bool {
    enqueue(cost(message), mayRefuse: false) { $0.append(message) }
  }

  /// Queues several messages in order, regardless of the bound. False only if the mailbox is closed.
  @discardableResult
  package func post(contentsOf messages: [Message]) -> Bool {
    enqueue(cost(messages), mayRefuse: false) { $0.append(contentsOf: messages) }
  }

  /// Refuses all later messages. Those in the queue are still handled.
  package func close() {
    let mustWake = state.withLock { state in
      let first = !state.isClosed
      state.isClosed = true
      return first
    }
    if mustWake { wake() }
  }

  /// The number of queued messages, for metrics and backpressure.
  package var count: Int { state.withLock { $0.queue.count } }

  /// Whether the queue holds more than three quarters of its capacity: the consumer is too slow.
  package var isNearCapacity: Bool {
    state.withLock { $0.queue.count > bound.count / 4 * 3 || $0.bytes > bound.bytes / 4 * 3 }
  }

  /// Moves up to `limit` messages into `batch`, which must be empty.
  ///
  /// For the consumer only. After `.idle` the next message calls `wake`.
  package func drain(into batch: inout [Message], limit: Int) -> DrainResult {
    precondition(batch.isEmpty, "a batch is handled before the next one is drained")
    return state.withLock { state in
      if state.queue.isEmpty {
        if state.isClosed { return .closed }
        state.isIdle = true
        return .idle
      }
      state.isIdle = false
      if state.queue.count <= limit {
        swap(&batch, &state.queue)
        state.bytes = 0
      } else {
        batch.append(contentsOf: state.queue[..<limit])
        state.queue.removeFirst(limit)
        state.bytes -= cost(batch)
      }
      return .drained
    }
  }

  private func cost(_ message: Message) -> Int { bound.cost.map { $0(message) } ?? 0 }

  private func cost(_ messages: [Message]) -> Int {
    guard let cost = bound.cost else { return 0 }
    return messages.reduce(0) { $0 + cost($1) }
  }

  private func enqueue(
    _ bytes: Int, mayRefuse: Bool, _ append: (inout [Message]) -> Void
  ) -> Bool {
    let (accepted, mustWake) = state.withLock { state in
      if state.isClosed { return (false, false) }
      if mayRefuse {
        guard state.queue.count < bound.count else { return (false, false) }
        // A message larger than the bound is accepted by an empty queue: otherwise it never would be.
        guard state.bytes == 0 || state.bytes + bytes <= bound.bytes else { return (false, false) }
      }
      state.bytes += bytes
      append(&state.queue)
      let mustWake = state.isIdle && !state.queue.isEmpty
      if mustWake { state.isIdle = false }
      return (true, mustWake)
    }
    if mustWake { wake() }
    return accepted
  }
}

/// The capacity of a mailbox.
package struct MailboxBound<Message: Sendable>: Sendable {
  /// Queued messages; above 0.
  package var count: Int
  /// The sum of `cost` over queued messages; above 0. The default is unlimited.
  package var bytes: Int
  /// About the bytes of memory that a message holds. It must return the same for the same message. Nil: 0 for
  /// all, when messages are small.
  package var cost: (@Sendable (Message) -> Int)?

  package init(
    count: Int, bytes: Int = .max, cost: (@Sendable (Message) -> Int)? = nil
  ) {
    precondition(count > 0 && bytes > 0, "a mailbox holds at least one message")
    self.count = count
    self.bytes = bytes
    self.cost = cost
  }
}

/// The result of `Mailbox.drain`.
package enum DrainResult: Sendable {
  /// Messages were moved.
  case drained
  /// The queue is empty.
  case idle
  /// The queue is empty and the mailbox closed: no message follows.
  case closed
}
