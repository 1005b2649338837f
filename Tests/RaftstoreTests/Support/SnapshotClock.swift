import Runtime
import Synchronization

/// A clock that stands still until it is moved.
final class SnapshotClock: Clock {
  private let elapsed = Mutex(Duration.seconds(1_000))

  var now: Instant { Instant(nanoseconds: 0) + elapsed.withLock { $0 } }
  var wallMilliseconds: UInt64 {
    1_700_000_000_000 + UInt64(elapsed.withLock { $0.asNanoseconds } / 1_000_000)
  }

  func advance(_ duration: Duration) { elapsed.withLock { $0 += duration } }
}
