package import Codec
package import Runtime
import Synchronization

/// Finds the worker a message belongs to: the region id picks the shard, permanently. Callable from any
/// thread; never blocks.
package final class Router: Sendable {
  private struct Mailboxes {
    var raft: [Mailbox<RaftWorkerMessage>] = []
    var store: Mailbox<StoreMessage>?
  }

  private let mailboxes = Mutex(Mailboxes())

  /// The set of mailboxes is fixed by `attach` before the first message and never changes after.
  package init() {}

  /// Connects the workers. Messages sent before are refused.
  package func attach(raft: [Mailbox<RaftWorkerMessage>], store: Mailbox<StoreMessage>) {
    precondition(!raft.isEmpty, "a store has at least one raft worker")
    mailboxes.withLock { $0 = Mailboxes(raft: raft, store: store) }
  }

  /// A write, or its refusal: the completion is called in either case.
  package func propose(_ request: WriteRequest) {
    if send(.write(request), to: request.context.regionID) { return }
    request.completion(.failure(.serverIsBusy(reason: "raftstore is busy", backoffMs: 0)))
  }

  /// A read that needs the raft worker's confirmation; the completion is called in any case.
  package func read(_ request: ReadRequest) {
    if send(.read(request), to: request.context.regionID) { return }
    request.completion(.failure(.serverIsBusy(reason: "raftstore is busy", backoffMs: 0)))
  }

  /// A change to a region; the completion is called in any case.
  package func proposeAdmin(_ request: AdminRequest) {
    if send(.admin(request), to: request.regionID) { return }
    request.completion(.failure(.serverIsBusy(reason: "raftstore is busy", backoffMs: 0)))
  }

  /// A split of a region; the completion is called in any case.
  package func split(_ request: SplitRequest) {
    if send(.split(request), to: request.context.regionID) { return }
    request.completion(.failure(.serverIsBusy(reason: "raftstore is busy", backoffMs: 0)))
  }

  /// The load of a region that is hot. A busy shard misses it.
  func report(_ load: ReadLoadReport) { _ = send(.readLoad(load), to: load.regionID) }

  /// Has a region compared with its replicas. The completion is called in any case, at the latest after
  /// `ConsistencyConfig.timeout`.
  package func checkConsistency(
    _ regionID: UInt64,
    _ completion: Completion<Result<ConsistencyReport, RegionError>>
  ) {
    if post(.checkConsistency(regionID: regionID, completion), to: regionID) { return }
    completion(.failure(.serverIsBusy(reason: "the store is stopping", backoffMs: 0)))
  }

  /// The state of one region's replica, or of all. A store that has stopped has none; one with
  /// several shards responds to a request about all once per shard.
  package func inspect(
    _ regionID: UInt64?, _ completion: @escaping @Sendable ([RegionStatus]) -> Void
  ) {
    let targets: [Mailbox<RaftWorkerMessage>]
    if let regionID {
      targets = mailbox(of: regionID).map { [$0] } ?? []
    } else {
      targets = mailboxes.withLock { $0.raft }
    }
    if targets.isEmpty { completion([]) }
    for target in targets {
      let guarded = Completion<[RegionStatus]>(abandoned: [], completion)
      if !target.post(.inspect(regionID: regionID, guarded)) { completion([]) }
    }
  }

  /// Messages from other stores; what does not fit is lost, as a network may lose it. Returns how many were.
  @discardableResult
  package func deliver(_ envelopes: [RaftEnvelope]) -> Int {
    var dropped = 0
    for envelope in envelopes {
      let isQueued =
        envelope.isOfNoRegion
        ? sendToStore(.raft(envelope)) : send(.raft(envelope), to: envelope.regionID)
      if !isQueued { dropped += 1 }
    }
    return dropped
  }

  /// A message that must arrive. False when the store has stopped.
  @discardableResult
  package func post(_ message: RaftWorkerMessage, to regionID: UInt64) -> Bool {
    mailbox(of: regionID)?.post(message) ?? false
  }

  /// A message for every shard that must arrive.
  package func broadcast(_ message: RaftWorkerMessage) {
    for mailbox in mailboxes.withLock({ $0.raft }) { mailbox.post(message) }
  }

  /// One tick of the peers of those shards that need it; a busy shard misses it.
  func tick(_ pulses: [ShardPulse], at now: Instant) {
    for (mailbox, pulse) in zip(mailboxes.withLock({ $0.raft }), pulses)
    where pulse.beginTick(now) && !mailbox.send(.tick) {
      pulse.tickHandled()
    }
  }

  /// Passes a message for an unknown region, or a tick, to the store worker; may be refused.
  @discardableResult
  package func sendToStore(_ message: StoreMessage) -> Bool {
    mailboxes.withLock { $0.store }?.send(message) ?? false
  }

  /// Passes the store worker a message that must arrive. False when the store has stopped.
  @discardableResult
  package func postToStore(_ message: StoreMessage) -> Bool {
    mailboxes.withLock { $0.store }?.post(message) ?? false
  }

  /// Whether a raft worker has more waiting than it should: the placement driver gives a busy store no more.
  package var isBusy: Bool { mailboxes.withLock { $0.raft }.contains { $0.isNearCapacity } }

  /// How many raft workers there are; 0 before `attach`.
  var shardCount: Int { mailboxes.withLock { $0.raft.count } }

  func send(_ message: RaftWorkerMessage, to regionID: UInt64) -> Bool {
    mailbox(of: regionID)?.send(message) ?? false
  }

  private func mailbox(of regionID: UInt64) -> Mailbox<RaftWorkerMessage>? {
    mailboxes.withLock { mailboxes in
      guard !mailboxes.raft.isEmpty else { return nil }
      return mailboxes.raft[Int(regionID % UInt64(mailboxes.raft.count))]
    }
  }
}
