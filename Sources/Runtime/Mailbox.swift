import Synchronization

/// The queue in front of a handler. Senders never block.
///
/// Two ways in, because two kinds of message exist: `send` is for work that can be refused (requests,
/// ticks, raft messages: the sender responds `ServerIsBusy`, drops or counts), `post` is for messages
/// the system owes its own workers (a finished log write, an applied batch), whose number is bounded by
/// what those workers were given and which must not be lost.
package final class Mailbox<Message: Sendable>: Sendable {
  private struct State {
    var queue: [Message] = []
    /// The sum of what `bound.cost` says of `queue`.
    var bytes = 0
    /// The consumer saw an empty queue and must be woken by the next message.
    var isIdle = true
    var isClosed = false
  }

  private let state = Mutex(State())
  private let bound: MailboxBound<Message>
  private let wake: @Sendable () -> Void

  /// - Parameters:
  ///   - bound: what `send` accepts before it refuses.
  ///   - wake: called, outside any lock, when an idle consumer has something to do.
  package init(bound: MailboxBound<Message>, wake: @escaping @Sendable () -> Void) {
    self.bound = bound
    self.wake = wake
  }

  /// - Parameter capacity: messages `send` accepts before it refuses.
  package convenience init(capacity: Int, wake: @escaping @Sendable () -> Void) {
    self.init(bound: MailboxBound(count: capacity), wake: wake)
  }

  /// Queues a message that may be refused. False when full or closed.
  package func send(_ message: Message) -> Bool {
    enqueue(cost(message), mayRefuse: true) { $0.append(message) }
  }

  /// Queues several messages as one, all or none.
  package func send(contentsOf messages: [Message]) -> Bool {
    enqueue(cost(messages), mayRefuse: true) { $0.append(contentsOf: messages) }
  }

  /// Queues a message that must be delivered. False only when the mailbox is closed.
  @discardableResult
  package func post(_ message: Message) -> Bool {
    enqueue(cost(message), mayRefuse: false) { $0.append(message) }
  }

  /// Queues several messages that must be delivered, in order. False only when closed.
  @discardableResult
  package func post(contentsOf messages: [Message]) -> Bool {
    enqueue(cost(messages), mayRefuse: false) { $0.append(contentsOf: messages) }
  }

  /// Refuses everything from now on; what is queued will still be handled.
  package func close() {
    let mustWake = state.withLock { state in
      let first = !state.isClosed
      state.isClosed = true
      return first
    }
    if mustWake { wake() }
  }

  /// Messages waiting, for metrics and back-pressure decisions.
  package var count: Int { state.withLock { $0.queue.count } }

  /// Whether more than three quarters of what `send` accepts is waiting: the worker behind it is slow.
  package var isOverBound: Bool {
    state.withLock { $0.queue.count > bound.count / 4 * 3 || $0.bytes > bound.bytes / 4 * 3 }
  }

  /// Moves up to `limit` messages into `batch`, which must be empty.
  ///
  /// - Returns: `.drained` when messages were moved, `.idle` when there were none (the next message
  ///   will call `wake`), `.closed` when there were none and there will be none.
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
        // One message larger than the bound passes when it is alone: else it never would.
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
  /// Messages waiting.
  package var count: Int
  /// Bytes waiting, by `cost`.
  package var bytes: Int
  /// About the memory that a message keeps, in bytes; the same whenever it is asked. Nil: all are small.
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

/// What `Mailbox.drain` found.
package enum DrainResult: Sendable {
  case drained, idle, closed
}
