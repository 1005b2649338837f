import Codec
package import Runtime
import Synchronization
package import Transaction

/// Where requests that wait for locks are compared, so that transactions that wait for each other are found.
///
/// A cycle can go through several stores. So a cluster needs one detector, which in TiKV is on the leader of the first
/// region. What a detector misses is only late: requests that wait time out. Any thread may call.
package protocol DeadlockDetection: Sendable {
  /// A transaction begins to wait.
  ///
  /// - Parameter found: called at most once, on any thread, if that closes a cycle. The edge then does not count.
  func detect(_ edge: WaitEdge, _ found: @escaping @Sendable (Deadlock) -> Void)

  /// A transaction does not wait for a key any more.
  func removeWait(_ edge: WaitEdge)
}

/// The detector of a store alone: finds the cycles among the requests that wait here.
package final class LocalDeadlockDetection: DeadlockDetection {
  private let detector: Mutex<DeadlockDetector>
  private let clock: any Clock

  /// - Parameter timeToLive: at most the time after which a waiting request gives up.
  package init(clock: any Clock, timeToLive: Duration = TransactionLimits().lockWaitTimeout) {
    self.clock = clock
    detector = Mutex(
      DeadlockDetector(timeToLive: UInt64(clamping: timeToLive.asNanoseconds / 1_000_000)))
  }

  package func detect(_ edge: WaitEdge, _ found: @escaping @Sendable (Deadlock) -> Void) {
    let now = clock.now.milliseconds
    let deadlock = detector.withLock { $0.detect(edge, now: now) }
    if let deadlock { found(deadlock) }
  }

  package func removeWait(_ edge: WaitEdge) {
    detector.withLock {
      $0.removeWait(edge.transaction, for: edge.holder, keyHash: edge.keyHash)
    }
  }
}

extension Instant {
  /// Milliseconds since the clock's origin.
  var milliseconds: UInt64 { nanoseconds / 1_000_000 }
}
