import Synchronization

/// One latch of `KeyLatches`. Any number of writes hold it together, or one update holds it exclusively. Requests that
/// cannot hold it yet are queued in the order of arrival; their bodies run on the thread that releases the latch,
/// outside of the lock. Any thread may call.
final class KeyLatch: Sendable {
  private struct Queue {
    enum Kind {
      case write, update
    }

    /// The first requests in reverse order, then the later ones in order.
    private var front: [(kind: Kind, body: @Sendable () -> Void)] = []
    private var back: [(kind: Kind, body: @Sendable () -> Void)] = []
    /// Whether an update holds the latch.
    var isUpdating = false
    /// Whether a thread runs the bodies of queued requests. Only one does at a time, so that a body that completes at
    /// once does not run the next one recursively.
    var isDraining = false

    mutating func append(_ kind: Kind, _ body: @escaping @Sendable () -> Void) {
      back.append((kind, body))
    }

    /// The kind of the first request; nil if there is none.
    mutating func first() -> Kind? {
      if front.isEmpty {
        front = back.reversed()
        back.removeAll()
      }
      return front.last?.kind
    }

    mutating func removeFirst() -> @Sendable () -> Void { front.removeLast().body }
  }

  /// Twice the number of writes that hold the latch. The lowest bit is set while an update holds the latch or a request
  /// is queued; it changes only under the lock of `queue`. While it is set, a new write must be queued.
  private let word = Atomic<Int>(0)
  private let queue = Mutex(Queue())

  /// Holds the latch for a write unless an update holds it or a request is queued.
  func tryWrite() -> Bool {
    var current = word.load(ordering: .relaxed)
    while current & 1 == 0 {
      let (exchanged, original) = word.weakCompareExchange(
        expected: current, desired: current + 2, ordering: .acquiringAndReleasing)
      if exchanged { return true }
      current = original
    }
    return false
  }

  /// Runs `body` when the latch is held for a write.
  func write(_ body: @escaping @Sendable () -> Void) {
    let isHeld = queue.withLock { queue in
      if tryWrite() { return true }
      queue.append(.write, body)
      return false
    }
    if isHeld { body() } else { drain() }
  }

  /// Releases the latch after a write.
  func endWrite() {
    if word.subtract(2, ordering: .acquiringAndReleasing).newValue == 1 { drain() }
  }

  /// Holds the latch exclusively if nothing holds it and no request is queued.
  func tryUpdate() -> Bool {
    queue.withLock { queue in
      let isFree = word.compareExchange(
        expected: 0, desired: 1, ordering: .acquiringAndReleasing
      ).exchanged
      if isFree { queue.isUpdating = true }
      return isFree
    }
  }

  /// Runs `body` when the latch is held exclusively.
  func update(_ body: @escaping @Sendable () -> Void) {
    queue.withLock { queue in
      queue.append(.update, body)
      word.bitwiseOr(1, ordering: .acquiringAndReleasing)
    }
    drain()
  }

  /// Releases the latch after an update.
  func endUpdate() {
    queue.withLock { $0.isUpdating = false }
    drain()
  }

  /// Runs the bodies of the queued requests that can hold the latch now. If another thread does so, it will see the
  /// change that this call is for: it checks again before it stops.
  private func drain() {
    let isFirst = queue.withLock { queue in
      defer { queue.isDraining = true }
      return !queue.isDraining
    }
    guard isFirst else { return }
    while let body = queue.withLock({ next(&$0) }) { body() }
  }

  /// Holds the latch for the first request and returns its body. Nil if it cannot be held, or there is none.
  private func next(_ queue: inout Queue) -> (@Sendable () -> Void)? {
    if !queue.isUpdating {
      switch queue.first() {
      case .write:
        word.add(2, ordering: .acquiringAndReleasing)
        return queue.removeFirst()
      case .update where word.load(ordering: .acquiring) == 1:
        queue.isUpdating = true
        return queue.removeFirst()
      case .update: break
      case nil: word.bitwiseAnd(~1, ordering: .acquiringAndReleasing)
      }
    }
    queue.isDraining = false
    return nil
  }
}
