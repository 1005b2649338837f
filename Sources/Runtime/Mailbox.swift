import Synchronization

/// The queue in front of a handler. Senders never block.
///
/// Two ways in, because two kinds of message exist: `send` is for work that can be refused (requests,
/// ticks, raft messages: the sender answers `ServerIsBusy`, drops or counts), `post` is for messages
/// the system owes its own workers (a finished log write, an applied batch), whose number is bounded by
/// what those workers were given and which must not be lost.
package final class Mailbox<Message: Sendable>: Sendable {
  private struct State {
    var queue: [Message] = []
    /// The consumer saw an empty queue and must be woken by the next message.
    var isIdle = true
    var isClosed = false
  }

  private let state = Mutex(State())
  private let capacity: Int
  private let wake: @Sendable () -> Void

  /// - Parameters:
  ///   - capacity: messages `send` accepts before it refuses.
  ///   - wake: called, outside any lock, when an idle consumer has something to do.
  package init(capacity: Int, wake: @escaping @Sendable () -> Void) {
    precondition(capacity > 0, "a mailbox holds at least one message")
    self.capacity = capacity
    self.wake = wake
  }

  /// Queues a message that may be refused. False when full or closed.
  package func send(_ message: Message) -> Bool {
    enqueue(limit: capacity) { $0.append(message) }
  }

  /// Queues several messages as one, all or none.
  package func send(contentsOf messages: [Message]) -> Bool {
    enqueue(limit: capacity) { $0.append(contentsOf: messages) }
  }

  /// Queues a message that must be delivered. False only when the mailbox is closed.
  @discardableResult
  package func post(_ message: Message) -> Bool {
    enqueue(limit: .max) { $0.append(message) }
  }

  /// Queues several messages that must be delivered, in order. False only when closed.
  @discardableResult
  package func post(contentsOf messages: [Message]) -> Bool {
    enqueue(limit: .max) { $0.append(contentsOf: messages) }
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
      } else {
        batch.append(contentsOf: state.queue[..<limit])
        state.queue.removeFirst(limit)
      }
      return .drained
    }
  }

  private func enqueue(limit: Int, _ append: (inout [Message]) -> Void) -> Bool {
    let (accepted, mustWake) = state.withLock { state in
      guard !state.isClosed, state.queue.count < limit else { return (false, false) }
      append(&state.queue)
      let mustWake = state.isIdle && !state.queue.isEmpty
      if mustWake { state.isIdle = false }
      return (true, mustWake)
    }
    if mustWake { wake() }
    return accepted
  }
}

/// What `Mailbox.drain` found.
package enum DrainResult: Sendable {
  case drained, idle, closed
}
