import Codec
import Engine
import Raft
import Runtime

// Linearizable reads without log entries: by lease, else by a read index that a quorum confirms.
extension Peer {
  func read(_ request: ReadRequest) {
    guard lifecycle == .active, !isBroadcastingRemoval else {
      request.completion(.failure(.regionNotFound(regionID: regionID)))
      return
    }
    reads.queued.append(request)
  }

  /// A follower's request for a read index. One round serves all that wait, and the reads of this leader with them.
  ///
  /// - Returns: why it is refused.
  func takeReadIndex(_ request: Message) -> RaftError? {
    do throws(RaftError) {
      try node.checkReadIndex(request)
      reads.forward(request)
      return nil
    } catch {
      return error
    }
  }

  /// Serves at once what the lease covers and asks the quorum for the rest, in one round.
  func startReads() {
    guard reads.hasQueued else { return }
    let waiting = takeServable()
    if node.isLeader && !hasAppliedOwnTerm {
      // Asked for again when the first entry of the term is applied. The followers' requests wait as well.
      reads.queued = waiting
      return
    }
    // Those that a leader took before it lost leadership are asked again by their followers.
    let forwarded = node.isLeader && !isMerging ? reads.takeForwarded() : []
    guard !waiting.isEmpty || !forwarded.isEmpty else { return }
    if node.isLeader, lease.current != nil {
      // The data first, the time second: what is seen is older than the moment the lease covers.
      let snapshot = waiting.isEmpty ? nil : context.snapshot()
      let committed = node.committed
      if isLeaseValid(at: context.clock.now) {
        context.metrics.proposals.localRead.increment(by: UInt64(waiting.count + forwarded.count))
        if let snapshot { grant(waiting, snapshot) }
        respond(to: forwarded, at: committed)
        return
      }
    }
    startRound(waiting, forwarded: forwarded, isRenewal: false)
  }

  /// Takes out the queued reads that are not refused.
  private func takeServable() -> [ReadRequest] {
    var waiting: [ReadRequest] = []
    let queued = reads.queued
    reads.queued = []
    for request in queued {
      if request.context.staleRead {
        serveStale(request)
      } else if let error = refusal(of: request) {
        request.completion(.failure(error))
      } else {
        waiting.append(request)
      }
    }
    return waiting
  }

  private func respond(to forwarded: [Message], at index: UInt64) {
    for request in forwarded {
      run { node throws(RaftError) in try node.respond(toReadIndex: request, at: index) }
    }
  }

  private func refusal(of request: ReadRequest) -> RegionError? {
    let context = request.context
    if let error = refusal(of: context, needsLeader: !context.replicaRead, .version) {
      return error
    }
    if isMerging {
      return .readIndexNotReady(reason: "a merge of the region is under way", regionID: regionID)
    }
    if !node.isLeader && node.leaderID == NodeID.none { return notLeader }
    return nil
  }

  func startRound(
    _ requests: [ReadRequest], forwarded: [Message] = [], isRenewal: Bool
  ) {
    let id = reads.nextID
    reads.nextID += 1
    reads.rounds.append(
      PendingReads.Round(
        id: id, sentAt: context.now, leaderTerm: node.isLeader ? node.term : nil,
        requests: requests, forwarded: forwarded, isRenewal: isRenewal))
    context.metrics.proposals.readIndex.increment()
    sendReadIndex(id)
  }

  private func sendReadIndex(_ id: UInt64) {
    let context = readContext(id)
    run { node throws(RaftError) in try node.readIndex(context: context) }
  }

  /// A round's name: unlike any of an earlier process, whose responses may still arrive.
  private func readContext(_ id: UInt64) -> [UInt8] {
    var bytes: [UInt8] = []
    bytes.reserveCapacity(16)
    bytes.appendBigEndian(reads.salt)
    bytes.appendBigEndian(id)
    return bytes
  }

  private func roundID(of context: [UInt8]) -> UInt64? {
    guard context.count == 16 else { return nil }
    let id = context.bigEndian(at: 8)
    return readContext(id) == context ? id : nil
  }

  func readConfirmed(_ state: ReadState) {
    guard let id = roundID(of: state.context) else { return }
    let rounds = reads.takeRounds(confirmedBy: id)
    var requests: [ReadRequest] = []
    for round in rounds {
      if endsRemovalBroadcast(round) { continue }
      if let term = round.leaderTerm, term == node.term, node.isLeader {
        renewLease(from: round.sentAt)
        respond(to: round.forwarded, at: state.index)
      }
      requests += round.requests
    }
    if requests.isEmpty { return }
    reads.confirmed.append(PendingReads.Confirmed(index: state.index, requests: requests))
  }

  /// Serves confirmed reads whose entries are applied.
  func grantReads() {
    guard !reads.confirmed.isEmpty, incomingSnapshot == nil else { return }
    let applied = storage.applyState.appliedIndex
    var rest: [PendingReads.Confirmed] = []
    let confirmed = reads.confirmed
    reads.confirmed = []
    for group in confirmed {
      if group.index <= applied {
        grant(group.requests, context.snapshot())
      } else if !node.isLeader, group.index - applied > context.config.reads.followerMaxLogGap {
        for request in group.requests {
          request.completion(
            .failure(
              .readIndexNotReady(
                reason: "the replica has applied \(applied), the read needs \(group.index)",
                regionID: regionID)))
        }
      } else {
        rest.append(group)
      }
    }
    reads.confirmed = rest
  }

  /// Completes reads with a view of the engine, unless the region has changed since they came.
  func grant(_ requests: [ReadRequest], _ snapshot: any KVSnapshot) {
    for request in requests {
      // The region may have changed its range while the read waited.
      if let error = epochMismatch(request.context.epoch, .version) {
        request.completion(.failure(error))
        continue
      }
      request.completion(
        .success(
          ReadGrant(
            region: region, snapshot: snapshot, term: node.term,
            writeTerm: hasAppliedOwnTerm ? node.term : nil,
            appliedIndex: storage.applyState.appliedIndex)))
    }
  }

  /// Once a tick: asks again what got lost on the way to another leader, and gives up in the end.
  func tickReads() {
    guard !reads.rounds.isEmpty else { return }
    let limit = context.config.electionTicks * 10
    var expired: [ReadRequest] = []
    for index in reads.rounds.indices {
      reads.rounds[index].ticks += 1
      let round = reads.rounds[index]
      if round.ticks >= limit {
        expired += round.requests
      }
    }
    // The response to the last one confirms the earlier ones too.
    if let last = reads.rounds.last(where: { $0.leaderTerm == nil }), last.ticks < limit,
      last.ticks % Self.retryTicks == 0
    {
      sendReadIndex(last.id)
    }
    reads.rounds.removeAll { $0.ticks >= limit }
    for request in expired {
      request.completion(
        .failure(.readIndexNotReady(reason: "no quorum has responded", regionID: regionID)))
    }
  }

  /// Ticks after which a follower repeats a question to its leader.
  private static let retryTicks = 4
}
