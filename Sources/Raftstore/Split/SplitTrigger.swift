import Engine
import Runtime

/// When a peer has its region measured, and what it knows of the size.
struct SplitTrigger {
  /// Not before this, unless a check is forced.
  private(set) var next: Instant
  /// Bytes written since the region was measured.
  private(set) var written: UInt64 = 0
  /// The region as it was measured last; nil if it was not, or is another one since.
  private(set) var measured: RangeSize?
  /// A check is due even if little was written: nothing is known, or the last one has found that the region must be
  /// split.
  private(set) var isForced = true
  private var isRunning = false
  /// Checks in a row that made way for a snapshot.
  private var postponed = 0
  /// Splits in a row that came to nothing.
  private var failures = 0

  /// Checks in a row that a snapshot may postpone.
  private static let maxPostponed = 3
  /// Most intervals between two attempts to split a region.
  private static let maxBackoff = 32

  init(next: Instant) { self.next = next }

  /// What the region holds by now, as far as it is known. Overwritten and deleted data is not subtracted before the
  /// next check.
  var size: RangeSize? {
    measured.map { RangeSize(bytes: $0.bytes &+ written, keys: $0.keys) }
  }

  /// The size for the placement driver, to which 0 means unknown: an empty region has one byte.
  var reportedBytes: UInt64 { size.map { max(1, $0.bytes) } ?? 0 }

  /// The work that a write costs.
  mutating func recordWritten(_ bytes: UInt64) { written &+= bytes }

  /// Whether a check begins now; the time for the next one is set in any case.
  mutating func begin(
    at now: Instant, _ config: SplitConfig, isGeneratingSnapshot: Bool
  ) -> Bool {
    next = now + config.checkInterval
    guard !isRunning, isForced || written >= config.writtenBytesBetweenChecks else { return false }
    if isGeneratingSnapshot, postponed < Self.maxPostponed {
      postponed += 1
      return false
    }
    postponed = 0
    isRunning = true
    isForced = false
    written = 0
    return true
  }

  /// A check has ended. `size` is nil if its result is of no use: the region is measured anew.
  mutating func end(_ size: RangeSize?) {
    isRunning = false
    measured = size ?? measured
    if size == nil { isForced = true }
  }

  /// The region is to be split by the result of the check. Should that fail, it is checked again.
  mutating func splitBegins() { isForced = true }

  /// The split came to nothing: the pauses between attempts grow.
  mutating func splitFailed(at now: Instant, _ config: SplitConfig) {
    failures += 1
    next = now + config.checkInterval * min(1 << min(failures, 10), Self.maxBackoff)
  }

  /// The region is another one: it has been split, or was just created. It is measured soon.
  mutating func regionChanged(_ size: RangeSize?, at now: Instant) {
    measured = size
    written = 0
    failures = 0
    isForced = true
    next = now
  }

  /// The region may be much smaller than it was measured: what was deleted has been compacted. It is measured soon.
  mutating func rangeCompacted(at now: Instant) {
    isForced = true
    next = now
  }

  /// A new leader may know nothing of the size.
  mutating func leadershipBegins(at now: Instant) {
    isForced = true
    next = now
  }
}
