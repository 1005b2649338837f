import Codec
package import Runtime
import Synchronization
package import Transaction

/// Keeps the bound of the timestamps that requests may name a minute ahead of the placement driver's, as TiKV's
/// `storage.max-ts.max-drift`. Until the first one is known, nothing is bounded.
package enum TimestampBound {
  /// How often a timestamp is asked for (TiKV: `storage.max-ts.cache-sync-interval`, 15 s). Short: a clock of the placement
  /// driver that is set forward makes requests fail for so long.
  package static let interval = Duration.seconds(5)
  private static let ahead: Duration = .seconds(60)

  /// Asks now and at intervals, until the timer is canceled or the host stops. Without a response the bound moves on with
  /// the clock.
  package static func maintain(
    _ concurrency: ConcurrencyControl, _ source: @escaping TimestampSource, _ host: any WorkerHost
  ) -> any Cancellable {
    let known = Known(clock: host.clock)
    let ask: @Sendable () -> Void = {
      if let bound = known.latest(ahead: ahead) { concurrency.boundRequests(to: bound) }
      source { timestamp in
        guard let timestamp else { return }
        known.set(timestamp)
        if let bound = known.latest(ahead: ahead) { concurrency.boundRequests(to: bound) }
      }
    }
    ask()
    return host.every(interval, ask)
  }
}

/// The last timestamp of the placement driver, and when it came.
private final class Known: Sendable {
  private let clock: any Clock
  private let last = Mutex<(timestamp: Timestamp, at: Instant)?>(nil)

  init(clock: any Clock) {
    self.clock = clock
  }

  func set(_ timestamp: Timestamp) {
    let now = clock.now
    last.withLock { last in
      if timestamp > last?.timestamp ?? .zero { last = (timestamp, now) }
    }
  }

  /// `ahead` above what the placement driver has issued by now; nil while nothing is known.
  func latest(ahead: Duration) -> Timestamp? {
    guard let (timestamp, at) = last.withLock({ $0 }) else { return nil }
    let elapsed = clock.now - at + ahead
    let physical = timestamp.physical + UInt64(max(0, elapsed.inSeconds) * 1000)
    // Far beyond any date; the parts of a timestamp have limits.
    return Timestamp(physical: min(physical, 1 << 45), logical: Timestamp.maxLogical)
  }
}
