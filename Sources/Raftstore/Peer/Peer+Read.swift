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
    let forwarded =
      node.isLeader && !isMerging ? reads.takeForwarded { mayRead(at: Self.readTS(of: $0)) } : []
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

  /// Whether a follower may read at a timestamp: no transaction whose commit timestamp is computed here commits at or
  /// before it any more. If one may, the request waits until the write of that is applied, and with it the index.
  private func mayRead(at timestamp: UInt64) -> Bool {
    guard timestamp > 0, let readGuard = context.readGuard else { return true }
    readGuard.raise(to: timestamp)
    return !readGuard.blocks(readAt: timestamp, in: region.range)
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
    // The leader's own requests have raised the timestamp before they came.
    let leaderTerm = node.isLeader ? node.term : nil
    var readTS: UInt64 = 0
    if leaderTerm == nil {
      readTS = requests.reduce(reads.rounds.last { $0.leaderTerm == nil }?.readTS ?? 0) {
        max($0, $1.context.readTS)
      }
    }
    let round = PendingReads.Round(
      id: id, sentAt: context.now, leaderTerm: leaderTerm, requests: requests, readTS: readTS,
      forwarded: forwarded, isRenewal: isRenewal)
    reads.rounds.append(round)
    context.metrics.proposals.readIndex.increment()
    sendReadIndex(round)
  }

  private func sendReadIndex(_ round: PendingReads.Round) {
    var context = readContext(round.id)
    if round.readTS > 0 { context.appendBigEndian(round.readTS) }
    let named = context
    run { node throws(RaftError) in try node.readIndex(context: named) }
  }

  /// The timestamp that follows the name of a follower's round; 0 if there is none.
  private static func readTS(of request: Message) -> UInt64 {
    guard let context = request.entries.first?.data, context.count == nameSize + 8 else { return 0 }
    return context.bigEndian(at: nameSize)
  }

  private static let nameSize = 16

  /// A round's name: unlike any of an earlier process, whose responses may still arrive.
  private func readContext(_ id: UInt64) -> [UInt8] {
    var bytes: [UInt8] = []
    bytes.reserveCapacity(Self.nameSize + 8)
    bytes.appendBigEndian(reads.salt)
    bytes.appendBigEndian(id)
    return bytes
  }

  private func roundID(of context: [UInt8]) -> UInt64? {
    guard context.count >= Self.nameSize else { return nil }
    let id = context.bigEndian(at: 8)
    return context.starts(with: readContext(id)) ? id : nil
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
      sendReadIndex(last)
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
