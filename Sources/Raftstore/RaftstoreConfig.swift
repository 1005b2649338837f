/// When a leader proposes to cut its log.
package struct LogCompactionConfig: Sendable {
  /// How often a leader checks.
  package var interval: Duration = .seconds(3)
  /// Applied entries kept beyond which the log is cut even when a follower still needs it.
  package var count: UInt64 = 196_608
  /// Bytes of entries beyond which the log is cut as well.
  package var bytes: UInt64 = 192 << 20
  /// Bytes of entries up to which the log is kept for a follower that is being sent a snapshot, whatever `count` and
  /// `bytes` say. At least `bytes`.
  package var snapshotBytes: UInt64 = 2 << 30
  /// How long a compacted log waits for others, so that one barrier of the engine serves all.
  package var syncInterval: Duration = .seconds(2)
  /// Replicated entries worth a compaction.
  package var threshold: UInt64 = 50
}

/// When peers and leaders are missed, and what is then asked.
package struct StalePeerConfig: Sendable {
  /// How often a peer looks whether it still has a leader.
  package var checkInterval: Duration = .seconds(300)
  /// Without a leader for so long, a peer asks the other members.
  package var abnormalLeaderMissing: Duration = .seconds(600)
  /// Without a leader for so long, a peer asks the placement driver whether it is still a member.
  package var maxLeaderMissing: Duration = .seconds(2 * 3600)
  /// A member that is silent for so long is reported as down.
  package var maxPeerDown: Duration = .seconds(600)
  /// Least time between two questions to the placement driver whether a peer is still a member, asked because
  /// a message says that it is not.
  package var membershipCheckInterval: Duration = .seconds(5)
  /// Campaigns of a store that are in progress at a time, divided among its shards, begun because peers have not heard
  /// of a leader. Each counts until it ends, at most for the fixed part of an election timeout. Those that were due first
  /// come first; a region that a client asks for does not wait.
  package var maxCampaigns = 64
}

/// When regions that are not used hibernate.
package struct HibernationConfig: Sendable {
  package var isEnabled = true
  /// How long a region is not used before its leader asks the others to hibernate.
  package var idleTime: Duration = .seconds(10)
}

/// Reads at replicas, what follows from the load of reads, and the comparison of replicas.
package struct ReadConfig: Sendable {
  /// A read at a replica that lags behind its read index by more entries than this is refused with
  /// `ReadIndexNotReady`: another replica serves it sooner.
  package var followerMaxLogGap: UInt64 = 100
  package var safeTS = SafeTSConfig()
  package var loadSplit = LoadSplitConfig()
  package var consistency = ConsistencyConfig()
}

/// Bounds of the mailboxes, in messages and bytes.
package struct MailboxConfig: Sendable {
  /// Messages that wait for one raft worker.
  package var raftCount = 40_960
  /// Bytes of requests and raft messages that wait for one raft worker; beyond it requests are refused as
  /// busy and raft messages dropped.
  package var raftBytes = 256 << 20
  /// Messages that wait for the store worker.
  package var storeCount = 4_096
  /// Bytes of raft messages for unknown regions that wait for the store worker.
  package var storeBytes = 16 << 20
}

/// Bounds of entries in memory, in bytes.
package struct RaftMemoryConfig: Sendable {
  /// Entries that were sent to one member and are not acknowledged yet.
  package var maxInflightBytes: UInt64 = 64 << 20
  /// Entries of one leader that are not committed yet.
  package var maxUncommittedBytes: UInt64 = 256 << 20
  /// Entry cache per region; entries that are not applied may take `maxUncommittedBytes`.
  package var entryCacheBytes = 16 << 20
  /// Proposals of one raft worker's leaders that are not applied yet; beyond it further ones are refused as busy. The
  /// log writer and the apply worker hold nothing else of leaders.
  package var maxUnappliedBytes: UInt64 = 512 << 20
}

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
  /// How often the free space of the disk is looked at.
  package var diskCheckInterval: Duration = .seconds(1)
  /// Bytes of the disk kept free: with less, writes that need space are refused with `DiskFull`. Nil: a
  /// twentieth of the capacity, at most 1 GiB; 0: none.
  package var reservedSpace: UInt64?
  package var snapshotGCInterval: Duration = .seconds(60)
  package var snapshotTimeout: Duration = .seconds(4 * 3600)
  /// Peers made by messages that have not learnt their regions yet, in all; further ones are not made.
  package var maxUninitializedPeers = 1024

  /// Raft workers; regions are spread over them by their id.
  package var shards = 1
  /// Apply workers; regions are spread over them by their id. Nil: as many as raft workers.
  package var applyWorkers: Int?

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
