import Runtime

/// When a leader proposes to cut the log, and where.
struct LogCompactionPolicy {
  /// What the decision is made from. Indexes of entries.
  struct LogState {
    /// The first entry that the log holds.
    var first: UInt64
    var last: UInt64
    var applied: UInt64
    /// Up to here all members have the log.
    var replicated: UInt64
    /// Bytes of the entries that the log holds.
    var bytes: UInt64
    /// The index of the oldest snapshot that a follower is being sent or has just got: entries after it are needed
    /// once the follower has applied it. Nil without any.
    var neededForSnapshots: UInt64?
  }

  /// Not before this.
  private(set) var next: Instant
  /// Checks in a row that found too little to be worth a compaction.
  private var skipped = 0
  /// Whether a check is due that does not wait for the next interval.
  private(set) var isRequested = false

  /// Checks after which even a few entries are worth a compaction.
  static let maxSkipped = 6

  init(next: Instant) { self.next = next }

  /// Waits for a whole interval: to be called when leadership begins and before each check.
  mutating func schedule(after now: Instant, _ config: RaftstoreConfig) {
    next = now + config.logCompaction.interval
    isRequested = false
  }

  /// The space that the log takes is wanted: the next check is due, and takes what it finds.
  mutating func requestSoon(_ now: Instant) {
    skipped = Self.maxSkipped
    next = now
    isRequested = true
  }

  /// A compaction is proposed.
  mutating func noteProposed() { skipped = 0 }

  /// Whether all members have entries that the log can do without.
  static func isWorthwhile(_ log: LogState) -> Bool {
    log.replicated >= log.first && log.last - log.first >= 3
      && min(log.replicated, log.applied) > log.first
  }

  /// The last entry to be cut away; nil when nothing is worth a proposal.
  ///
  /// The log is cut where all members have it, or, when it has become too long or too large, in the middle
  /// of what it holds: members that lack more than that get a snapshot. While one is under way the log after it is
  /// kept, up to `snapshotBytes`: if it were cut, the follower would need another one as soon as it has applied
  /// this, and a large region under writes would never converge.
  mutating func lastIndexToCut(_ log: LogState, _ config: RaftstoreConfig) -> UInt64? {
    var index: UInt64
    if log.applied > log.first && log.applied - log.first >= config.logCompaction.count
      || log.bytes >= config.logCompaction.bytes
    {
      index = max(log.first + (log.last - log.first) / 2, log.replicated)
    } else if log.replicated < log.first || log.last - log.first < 3 {
      return nil
    } else if log.replicated - log.first < config.logCompaction.threshold
      && skipped < Self.maxSkipped
    {
      skipped += 1
      return nil
    } else {
      index = log.replicated
    }
    if let needed = log.neededForSnapshots, log.bytes < config.logCompaction.snapshotBytes {
      index = min(index, needed)
    }
    index = min(index, log.applied)
    return index > log.first ? index - 1 : nil
  }
}
