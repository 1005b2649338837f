import Runtime
import Synchronization

/// When a shard needs its next tick: a shard whose regions are all hibernated is not woken by ticks in which it would do
/// nothing. Written by the raft worker at the end of each batch, read by the timer.
final class ShardPulse: Sendable {
  /// In nanoseconds of the store's clock; 0: every tick.
  private let next = Atomic<UInt64>(0)

  /// Nil: none before a message arrives.
  func set(_ time: Instant?) { next.store(time?.nanoseconds ?? .max, ordering: .relaxed) }

  func isDue(_ now: Instant) -> Bool { next.load(ordering: .relaxed) <= now.nanoseconds }
}
