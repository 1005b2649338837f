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

/// The free space of the disk.
package struct DiskConfig: Sendable {
  /// How often it is looked at.
  package var checkInterval: Duration = .seconds(1)
  /// Bytes kept free: with less, writes that need space are refused with `DiskFull`. Nil: a twentieth of the capacity,
  /// at most 1 GiB; 0: none.
  package var reservedSpace: UInt64?
}

/// When files of snapshots are collected.
package struct SnapshotGCConfig: Sendable {
  /// How often.
  package var interval: Duration = .seconds(60)
  /// Age of files that are collected although they may still be wanted.
  package var timeout: Duration = .seconds(4 * 3600)
}
