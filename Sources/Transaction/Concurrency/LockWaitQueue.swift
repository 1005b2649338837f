package import Codec

/// The pessimistic lock requests that wait for one key.
///
/// They are woken in the order of their start timestamps, so that an old transaction does not starve. A request that
/// was woken to retry does not hold the key: others may take it first. So the requests behind it are woken too, after a
/// delay that the caller measures.
package struct LockWaitQueue: Sendable {
  /// What a request does when the lock is released.
  package enum WakeUpMode: Sendable, Hashable {
    /// It fails with a write conflict, and its client retries.
    case retry
    /// It takes the lock inside of the store, although newer versions exist.
    case forceLock
  }

  /// A request that waits.
  package struct Waiter: Sendable, Hashable {
    package var startTS: Timestamp
    package var mode: WakeUpMode
    /// Names the request; unique in the queue.
    package var token: UInt64

    package init(startTS: Timestamp, mode: WakeUpMode, token: UInt64) {
      self.startTS = startTS
      self.mode = mode
      self.token = token
    }
  }

  /// The end of a lock that was released.
  package struct Release: Sendable, Hashable {
    package var startTS: Timestamp
    /// Zero for a rollback.
    package var commitTS: Timestamp

    package init(startTS: Timestamp, commitTS: Timestamp) {
      self.startTS = startTS
      self.commitTS = commitTS
    }
  }

  /// What the caller does about the delayed wake-up.
  package enum Delay: Sendable, Hashable {
    case none
    /// Start the timer.
    case armed
    /// Start the timer again.
    case extended
  }

  private struct Entry {
    var waiter: Waiter
    /// The number of wake-ups to retry before the request came.
    var wakeUps: UInt64
    var sequence: UInt64
  }

  /// Ascending by start timestamp; of equal ones in the order of arrival.
  private var entries: [Entry] = []
  private var wakeUps: UInt64 = 0
  private var nextSequence: UInt64 = 0
  private var isDelayed = false
  /// What a woken request reports as its conflict: the last release. Nil before the first.
  package private(set) var lastRelease: Release?

  package init() {}

  package var isEmpty: Bool { entries.isEmpty }
  package var waiters: [Waiter] { entries.map(\.waiter) }

  /// Adds a request.
  package mutating func insert(_ waiter: Waiter) {
    var index = entries.endIndex
    while index > 0, entries[index - 1].waiter.startTS > waiter.startTS { index -= 1 }
    entries.insert(
      Entry(waiter: waiter, wakeUps: wakeUps, sequence: nextSequence), at: index)
    nextSequence += 1
  }

  /// Removes a request that was canceled or has timed out. Nil if it was woken before.
  package mutating func remove(token: UInt64) -> Waiter? {
    guard let index = entries.firstIndex(where: { $0.waiter.token == token }) else { return nil }
    return entries.remove(at: index).waiter
  }

  /// The lock of the key was removed. Returns the request to wake, and what to do about the others.
  package mutating func release(_ release: Release) -> (waiter: Waiter, delay: Delay)? {
    guard !entries.isEmpty else { return nil }
    lastRelease = release
    let waiter = entries.removeFirst().waiter
    guard waiter.mode == .retry else { return (waiter, .none) }
    wakeUps += 1
    guard !entries.isEmpty else { return (waiter, .none) }
    defer { isDelayed = true }
    return (waiter, isDelayed ? .extended : .armed)
  }

  /// The delay after a wake-up has passed. Returns the requests to wake, in order: those that were there before the last
  /// wake-up, up to the first that takes the lock itself.
  package mutating func delayPassed() -> [Waiter] {
    guard isDelayed else { return [] }
    isDelayed = false
    var woken: [Waiter] = []
    while let first = entries.first, first.wakeUps < wakeUps {
      entries.removeFirst()
      woken.append(first.waiter)
      if first.waiter.mode == .forceLock { break }
    }
    return woken
  }
}
