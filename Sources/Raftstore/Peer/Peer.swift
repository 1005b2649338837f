import Codec
import Logging
import Raft
import RaftLog
import Runtime

/// One replica of one region: its raft node, its log, and everyone who waits for it.
///
/// Owned by one raft worker, which dispatches messages to it, then lets it propose what queued up
/// and handle one ready per batch. Split by idea over the files `Peer+….swift`.
final class Peer {
  /// The lifecycle state of a peer. It only moves forward.
  enum LifecycleState: Equatable {
    case active
    /// Its log or data is damaged (Peer+Damage). It can still be destroyed.
    case fenced
    /// To be destroyed as soon as the region worker has released its data.
    case awaitingSnapshotApply
    /// To be destroyed as soon as the apply worker has released it.
    case awaitingApply
    /// To be forgotten when the log writer has done the task of this number.
    case destroying(number: UInt64)
    /// To be replaced by a peer that a split has created, when the log writer has done all it was given.
    case awaitingReplacement
    case gone
    /// The source of a merge that is committed: it has applied everything, and ends when the target has its range.
    case awaitingMerge
    /// The raft core met a contradiction: the process is about to end.
    case broken
  }

  /// What a peer leaves behind.
  enum Ending {
    /// The record that it was removed permanently.
    case tombstone
    /// Nothing but its vote: it never learnt its region, and may be made again.
    case vote
    /// Itself, without log and data (`DataRecovery`).
    case emptied
    /// Nothing but the tombstone that the target of its merge has written. The data is the target's.
    case merged
    /// Itself, as the only member of its region (Peer+ForcedMembership).
    case alone
  }

  let context: ShardContext
  let storage: PeerStorage
  let delegate: ReadDelegate
  var info: PeerInfo
  var node: RawNode<PeerStorage>
  var lifecycle = LifecycleState.active
  /// What is left of a peer that is being destroyed.
  var ending = Ending.tombstone
  /// When it has something to do, and whether it is hibernated (Peer+Hibernation).
  var schedule: PeerSchedule

  // Proposing (Peer+Propose)
  var writes = PendingWrites()
  var proposals = ProposalQueue()

  // Readies (Peer+Ready)
  var logWrites: LogWriteTracker
  var applyQueue: ApplyQueue
  /// What the core has to be notified of itself within the present batch.
  var localSteps: [Message] = []
  var wasLeader = false

  // Snapshots (Peer+Snapshot)
  var incomingSnapshot: IncomingSnapshot?

  // Damage and loss of its log and data (Peer+Damage, Peer+Consistency, Peer+Recovery)
  var health = PeerHealth()

  // Reading (Peer+Read, Peer+Lease)
  var reads: PendingReads
  /// What this peer may serve by itself (Peer+Lease, Peer+SafeTS).
  var authority: ReadAuthority
  /// This peer leads, was removed, and tells the others (Peer+RemovalBroadcast).
  var removalBroadcast: RemovalBroadcast?

  // Splits (Peer+Split)
  var splitting: SplitState

  // Merges (Peer+MergeSource)
  var merging: MergeProgress

  // Membership (Peer+Step, Peer+Membership)
  var activity = PeerActivity()

  // Ticks (Peer+Tick)
  var reporter: HeartbeatReporter
  var compaction: LogCompactionPolicy
  var staleness: StalePeerDetector

  init(_ loaded: LoadedPeer, _ context: ShardContext, seed: UInt64) throws(StoreError) {
    self.context = context
    info = loaded.info
    let config = context.config
    // The log of a damaged peer is not looked at.
    let isDamaged = loaded.damage != nil
    let source = isDamaged ? loaded.withoutLog : loaded
    storage = try PeerStorage(
      region: source.region, applyState: source.applyState,
      logs: isDamaged ? MemoryLogStore() : context.logs,
      cacheBytes: config.memory.entryCacheBytes,
      unappliedCacheBytes: Int(clamping: config.memory.maxUncommittedBytes))
    delegate = loaded.delegate ?? ReadDelegate(region: loaded.region, peer: loaded.info)
    health.recovery = loaded.recovery
    health.damage = loaded.damage
    if isDamaged { lifecycle = .fenced }
    logWrites = LogWriteTracker(hardState: context.logs.hardState(loaded.region.id))
    applyQueue = ApplyQueue(lastIndex: source.applyState.appliedIndex)
    do throws(RaftError) {
      node = try RawNode(
        config: Self.raftConfig(config, loaded, seed, context.logger), storage: storage)
    } catch {
      throw .corrupted(record: "raft state of region \(loaded.region.id)", reason: "\(error)")
    }
    reads = PendingReads(salt: seed ^ context.clock.wallMilliseconds)
    let now = context.now
    schedule = PeerSchedule(now: now)
    // A peer made by a message may have existed in an earlier process too, of which only the vote is left.
    authority = ReadAuthority(
      lease: LeaderLease(
        votesAllowedAfter: context.startedAt + (config.maxLeaderLease + config.baseTickInterval)))
    splitting = SplitState(now: now)
    merging = MergeProgress(prepared: loaded.merge, now: now)
    reporter = HeartbeatReporter(next: now)
    compaction = LogCompactionPolicy(next: now + config.logCompaction.interval)
    staleness = StalePeerDetector(now: now, firstCheck: now + config.stalePeers.checkInterval)
    if let key = source.unfinishedSnapshot {
      context.snapshots.pin(key, for: loaded.info.id)
      incomingSnapshot = IncomingSnapshot(key: key, region: loaded.region, stage: .applying)
    }
  }

  private static func raftConfig(
    _ config: RaftstoreConfig, _ loaded: LoadedPeer, _ seed: UInt64, _ logger: Logger
  ) -> Config {
    var raft = Config(
      id: loaded.info.id, electionTick: config.electionTicks, heartbeatTick: config.heartbeatTicks)
    raft.applied = loaded.applyState.appliedIndex
    raft.asyncStorageWrites = true
    raft.maxSizePerMessage = config.maxSizePerMessage
    raft.maxCommittedSizePerReady = RaftstoreConfig.maxCommittedBytesPerReady
    raft.maxUncommittedEntriesSize = config.memory.maxUncommittedBytes
    // Commits travel with the next append or heartbeat: messages of their own would cost a lone
    // write a second round of wake-ups on every store.
    raft.skipBroadcastCommit = true
    // A lease read at the leader sees what the leader has applied: no follower may show more.
    raft.broadcastsAppliedOnly = true
    raft.maxInflightMessages = RaftstoreConfig.maxInflightMessages
    raft.maxInflightBytes = config.memory.maxInflightBytes
    raft.checkQuorum = true
    raft.preVote = true
    raft.readOnlyOption = .safe
    raft.disableProposalForwarding = true
    raft.stepDownOnRemoval = true
    raft.seed = seed
    raft.logger = PeerLogger(logger, regionID: loaded.region.id)
    return raft
  }

  // MARK: What it is

  var region: Region { storage.region }
  var isInitialized: Bool { region.isInitialized }
  var regionID: UInt64 { storage.region.id }
  var isActive: Bool { lifecycle == .active }
  /// Whether a leader may be relied on: it has applied an entry of its own term.
  var hasAppliedOwnTerm: Bool { node.isLeader && storage.appliedTerm == node.term }

  /// The leader as a client is notified of it: never this peer when it is none.
  var knownLeader: PeerInfo? {
    let id = node.leaderID
    guard id != NodeID.none, id != info.id else { return nil }
    return region.peer(id: id) ?? activity.sender(id: id)
  }

  func peerInfo(_ id: UInt64) -> PeerInfo? {
    region.peer(id: id) ?? activity.sender(id: id)
  }

  // MARK: Talking to the core

  /// Runs the core. A refusal is passed back; a contradiction ends the process.
  @discardableResult
  func run(_ body: (inout RawNode<PeerStorage>) throws(RaftError) -> Void) -> RaftError? {
    do throws(RaftError) {
      try body(&node)
      return nil
    } catch {
      if case .storage(.damaged(let reason)) = error, isInitialized, incomingSnapshot == nil {
        damaged(.log, reason)
      } else if error.isFatal {
        lifecycle = .broken
        context.onFatal("region \(regionID), peer \(info.id): \(error)")
      }
      return error
    }
  }

  /// All workers are there: continue where the process before the restart ended.
  func begin() {
    if isFenced { return beginFenced() }
    guard lifecycle == .active else { return }
    if let incomingSnapshot {
      context.regionTasks.append(
        .applySnapshot(peerID: info.id, region: incomingSnapshot.region, key: incomingSnapshot.key))
    } else if isInitialized {
      registerForApply()
    }
    // A lone voter need not wait for anyone.
    if incomingSnapshot == nil, node.isPromotable, node.isSingleton {
      run { node throws(RaftError) in try node.campaign() }
    }
  }

  /// Brings the shard's count of unapplied bytes up to date.
  func countUnapplied() {
    let size = lifecycle == .active ? node.uncommittedSize + writes.parkedBytes : 0
    context.unappliedBytes += size
    context.unappliedBytes -= writes.countedBytes
    writes.countedBytes = size
  }

  /// The round of a batch: propose what queued up, ask for reads, take the ready, serve reads.
  func flush() {
    defer {
      publishSafeTS()
      countUnapplied()
    }
    guard lifecycle == .active else { return }
    proposeWrites()
    startReads()
    wakeIfReady()
    handleReady()
    grantReads()
    if storage.takeSnapshotRequest() { checkReceivers() }
    settleHibernation()
  }
}
