/// Settings of a store; names and meaning follow TiKV's, defaults favour quick failover.
package struct RaftstoreConfig: Sendable {
  /// The unit of raft time.
  package var baseTickInterval: Duration = .milliseconds(50)
  package var heartbeatTicks = 2
  /// Least ticks without a leader before an election; the actual number is drawn up to twice this.
  package var electionTicks = 8
  /// How long a leader may serve reads alone, counted from the send time of a confirmed round. Must
  /// stay below the election timeout less one tick, with a margin for clock drift.
  package var maxLeaderLease: Duration = .milliseconds(300)

  /// Bytes of entries in one raft message.
  package var maxSizePerMessage: UInt64 = 1 << 20
  static let maxInflightMessages = 256
  static let maxCommittedBytesPerReady: UInt64 = 16 << 20
  /// Largest entry accepted; larger writes are refused with `RaftEntryTooLarge`.
  package var maxEntrySize: UInt64 = 8 << 20
  /// Commands merged into one entry stop at this many bytes, or at `maxEntrySize` if that is less.
  package var maxBatchedEntrySize = 1 << 20

  /// How often disk space of compacted entries is freed.
  package var logPurgeInterval: Duration = .seconds(10)

  package var regionHeartbeatInterval: Duration = .seconds(60)
  package var storeHeartbeatInterval: Duration = .seconds(10)
  /// Peers made by messages that have not learnt their regions yet, in all; further ones are not made.
  package var maxUninitializedPeers = 1024

  /// Raft workers; regions are spread over them by their id.
  package var shards = 1
  /// Apply workers; regions are spread over them by their id. Nil: as many as raft workers.
  package var applyWorkers: Int?

  package var disk = DiskConfig()
  package var snapshotGC = SnapshotGCConfig()
  package var split = SplitConfig()
  package var reads = ReadConfig()
  package var logCompaction = LogCompactionConfig()
  package var stalePeers = StalePeerConfig()
  package var hibernation = HibernationConfig()
  package var mailboxes = MailboxConfig()
  package var memory = RaftMemoryConfig()
  package var merge = MergeConfig()

  package init() {}

  /// The first setting that cannot work, in words; nil when all are fine.
  package func problem() -> String? {
    if baseTickInterval <= .zero { return "raft-base-tick-interval must be positive" }
    if heartbeatTicks < 1 { return "raft-heartbeat-ticks must be at least 1" }
    if electionTicks <= heartbeatTicks {
      return "raft-election-timeout-ticks must be greater than raft-heartbeat-ticks"
    }
    // So that the product of ticks and interval cannot overflow.
    if electionTicks > 1 << 20 {
      return "raft-election-timeout-ticks must be at most \(1 << 20), not \(electionTicks)"
    }
    if baseTickInterval > .seconds(86_400) {
      return "raft-base-tick-interval must be at most 24h, not \(baseTickInterval)"
    }
    if shards < 1 || mailboxes.raftCount < 1 || mailboxes.storeCount < 1 {
      return "a store has at least one shard, and room in its mailboxes"
    }
    if maxLeaderLease > baseTickInterval * (electionTicks - 1) {
      return "raft-store-max-leader-lease must be at most the election timeout less one tick"
    }
    if hibernation.isEnabled, stalePeers.maxPeerDown < stalePeers.checkInterval * 2 {
      // A hibernated leader hears of the others once in an interval.
      return "max-peer-down-duration must be at least twice peer-stale-state-check-interval while "
        + "hibernate-regions is true"
    }
    if reads.safeTS.advanceInterval <= .zero { return "advance-ts-interval must be positive" }
    return split.problem() ?? merge.problem() ?? sizeProblem()
  }

  /// How often stores show each other that they are alive: the leaders of hibernated regions do not.
  var livenessInterval: Duration { baseTickInterval * max(1, electionTicks / 2) }

  /// For how many ticks a leader that asks whether to hibernate holds its heartbeats back. Followers that do not agree
  /// hear from it well before their election timeouts.
  var heldHeartbeatTicks: Int {
    max(0, min(electionTicks / 2 - 1, electionTicks - heartbeatTicks - 2))
  }

  /// What an entry must fit into on its way.
  private func sizeProblem() -> String? {
    if maxEntrySize == 0 { return "raft-entry-max-size must be positive" }
    if maxEntrySize > memory.maxUncommittedBytes {
      return
        "raft-entry-max-size must be at most the \(memory.maxUncommittedBytes) bytes that may wait to "
        + "be committed"
    }
    if maxEntrySize > UInt64(clamping: mailboxes.raftBytes) {
      return
        "raft-entry-max-size must be at most the \(mailboxes.raftBytes) bytes that may wait for a "
        + "raft worker"
    }
    if maxSizePerMessage > memory.maxInflightBytes {
      return "raft-max-size-per-msg must be at most the \(memory.maxInflightBytes) bytes in flight"
    }
    return nil
  }
}
