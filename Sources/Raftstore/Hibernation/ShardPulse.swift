import Runtime
import Synchronization

/// When a shard needs its next tick: a shard whose regions are all hibernated is not woken by ticks in which it would do
/// nothing. Written by the raft worker at the end of each batch, read by the timer.
///
/// At most one tick is queued. So raft's time runs slower at a shard with more work than it can do: its election timeouts
/// are in proportion to the time that messages wait. If ticks were queued at their own pace, thousands of regions would
/// elect leaders whose heartbeats come too late, and elections would never end. Leases do not depend on it: a leader's
/// lease is measured by the clock, and a follower's promise only becomes longer.
final class ShardPulse: Sendable {
  /// Whether a tick is in the mailbox of the shard.
  private let isQueued = Atomic<Bool>(false)
  /// In nanoseconds of the store's clock; 0: every tick.
  private let next = Atomic<UInt64>(0)

  /// Nil: none before a message arrives.
  func set(_ time: Instant?) { next.store(time?.nanoseconds ?? .max, ordering: .relaxed) }

  func isDue(_ now: Instant) -> Bool { next.load(ordering: .relaxed) <= now.nanoseconds }

  /// Whether a tick is to be sent. If so, `tickHandled` must follow, also if the mailbox refuses it.
  func beginTick(_ now: Instant) -> Bool {
    isDue(now) && !isQueued.exchange(true, ordering: .relaxed)
  }

  /// The tick has left the mailbox, or was refused.
  func tickHandled() { isQueued.store(false, ordering: .relaxed) }
}
