import Runtime
import Synchronization

/// A write that waits for its turn, or for the thread that writes it.
final class CommitMember: Sendable {
  private enum State: Sendable {
    case waiting(BinarySemaphore?)
    case leading
    case done(Result<LogReceipt, LogStoreError>)
  }

  let batch: PreparedBatch
  let durability: Durability
  /// About the bytes of the batch.
  let bytes: Int
  private let state = Mutex(State.waiting(nil))

  init(_ batch: PreparedBatch, _ durability: Durability, bytes: Int) {
    self.batch = batch
    self.durability = durability
    self.bytes = bytes
  }

  /// Blocks until another thread has written the batch, or until this one has to write. Nil in the second case.
  func wait() -> Result<LogReceipt, LogStoreError>? {
    while true {
      let semaphore: BinarySemaphore? = state.withLock { state in
        guard case .waiting = state else { return nil }
        let semaphore = BinarySemaphore()
        state = .waiting(semaphore)
        return semaphore
      }
      if let semaphore {
        semaphore.wait()
      } else if case .done(let result) = state.withLock({ $0 }) {
        return result
      } else {
        return nil
      }
    }
  }

  func lead() { change(to: .leading) }
  func complete(_ result: Result<LogReceipt, LogStoreError>) { change(to: .done(result)) }

  private func change(to new: State) {
    let semaphore: BinarySemaphore? = state.withLock { state in
      defer { state = new }
      if case .waiting(let semaphore) = state { return semaphore }
      return nil
    }
    semaphore?.signal()
  }
}

/// Group commit: while one thread writes and waits for the disk, others queue; the first of these then writes for all.
/// Nobody waits for company: the barrier that runs is the time in which a group forms.
final class CommitQueue: Sendable {
  private struct State {
    var members: [CommitMember] = []
    /// Whether a thread leads a group.
    var isBusy = false
  }

  private let state = Mutex(State())
  /// Bytes of a group, unless one member alone is larger.
  private let maxGroupBytes: Int

  init(maxGroupBytes: Int) {
    self.maxGroupBytes = maxGroupBytes
  }

  /// Blocks until the member's batch is written, by this thread or by another, and returns the result.
  ///
  /// - Parameter commit: writes a group, and returns the result of each member, in order. Called by one thread at a time.
  func submit(
    _ member: CommitMember,
    _ commit: ([CommitMember]) -> [Result<LogReceipt, LogStoreError>]
  ) throws(LogStoreError) -> LogReceipt {
    let leads = state.withLock { state in
      state.members.append(member)
      defer { state.isBusy = true }
      return !state.isBusy
    }
    if !leads, let result = member.wait() { return try result.get() }
    let group = take()
    precondition(group.first === member, "the leader is the first of its group")
    let results = commit(group)
    let next = state.withLock { state in
      state.isBusy = !state.members.isEmpty
      return state.members.first
    }
    next?.lead()
    for (other, result) in zip(group, results).dropFirst() { other.complete(result) }
    return try results[0].get()
  }

  private func take() -> [CommitMember] {
    state.withLock { state in
      var bytes = 0
      let count = state.members.prefix { member in
        defer { bytes += member.bytes }
        return bytes == 0 || bytes + member.bytes <= maxGroupBytes
      }.count
      let group = Array(state.members[..<count])
      state.members.removeFirst(count)
      return group
    }
  }
}
