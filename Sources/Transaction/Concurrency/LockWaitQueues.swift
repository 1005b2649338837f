import Codec

/// The waiting pessimistic lock requests of a store, by key. A key without waiting requests takes no memory.
package struct LockWaitQueues: Sendable {
  private var queues: [[UInt8]: LockWaitQueue] = [:]

  package init() {}

  /// The number of keys with waiting requests.
  package var count: Int { queues.count }

  /// The requests that wait for a key, in the order in which they are woken.
  package func waiters(_ encodedKey: [UInt8]) -> [LockWaitQueue.Waiter] {
    queues[encodedKey]?.waiters ?? []
  }

  /// Adds a request that waits for a key.
  package mutating func insert(_ waiter: LockWaitQueue.Waiter, on encodedKey: [UInt8]) {
    queues[encodedKey, default: LockWaitQueue()].insert(waiter)
  }

  /// Removes a request that was canceled or has timed out. Nil if it was woken before.
  package mutating func remove(
    token: UInt64, on encodedKey: [UInt8]
  ) -> LockWaitQueue.Waiter? {
    change(encodedKey) { $0.remove(token: token) } ?? nil
  }

  /// The lock of a key was removed. Returns the request to wake, and what to do about the others.
  package mutating func release(
    _ release: LockWaitQueue.Release, on encodedKey: [UInt8]
  ) -> (waiter: LockWaitQueue.Waiter, delay: LockWaitQueue.Delay)? {
    change(encodedKey) { $0.release(release) } ?? nil
  }

  /// The delay after a wake-up on a key has passed. Returns the requests to wake with the release that they report.
  package mutating func delayPassed(
    on encodedKey: [UInt8]
  ) -> (waiters: [LockWaitQueue.Waiter], release: LockWaitQueue.Release?) {
    change(encodedKey) { ($0.delayPassed(), $0.lastRelease) } ?? ([], nil)
  }

  private mutating func change<R>(
    _ encodedKey: [UInt8], _ body: (inout LockWaitQueue) -> R
  ) -> R? {
    guard let index = queues.index(forKey: encodedKey) else { return nil }
    let result = body(&queues.values[index])
    if queues.values[index].isEmpty { queues.remove(at: index) }
    return result
  }
}
