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

  /// Serves at once what the lease covers and asks the quorum for the rest, in one round.
  func startReads() {
    guard !reads.queued.isEmpty else { return }
    var waiting: [ReadRequest] = []
    let queued = reads.queued
    reads.queued = []
    for request in queued {
      if let error = refusal(of: request) {
        request.completion(.failure(error))
      } else {
        waiting.append(request)
      }
    }
    guard !waiting.isEmpty else { return }
    if node.isLeader, lease.current != nil {
      // The snapshot first, the time second: what is seen is older than the moment the lease covers.
      let snapshot = context.snapshot()
      if isLeaseValid(at: context.clock.now) {
        context.metrics.proposals.localRead.increment(by: UInt64(waiting.count))
        grant(waiting, snapshot)
        return
      }
    }
    if node.isLeader && !hasAppliedOwnTerm {
      // Asked for again when the first entry of the term is applied.
      reads.queued = waiting
      return
    }
    startRound(waiting, isRenewal: false)
  }

  private func refusal(of request: ReadRequest) -> RegionError? {
    let context = request.context
    let isReplicaRead = context.replicaRead || context.staleRead
    if let error = refusal(of: context, needsLeader: !isReplicaRead, .version) { return error }
    if isMerging {
      return .readIndexNotReady(reason: "a merge of the region is under way", regionID: regionID)
    }
    if !node.isLeader && node.leaderID == NodeID.none { return notLeader }
    return nil
  }

  func startRound(_ requests: [ReadRequest], isRenewal: Bool) {
    let id = reads.nextID
    reads.nextID += 1
    reads.rounds.append(
      PendingReads.Round(
        id: id, sentAt: context.now, leaderTerm: node.isLeader ? node.term : nil,
        requests: requests, isRenewal: isRenewal))
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
    guard let id = roundID(of: state.context), let round = reads.removeRound(id) else { return }
    if endsRemovalBroadcast(round) { return }
    if let term = round.leaderTerm, term == node.term, node.isLeader {
      renewLease(from: round.sentAt)
    }
    if round.requests.isEmpty { return }
    reads.confirmed.append(
      PendingReads.Confirmed(index: state.index, requests: round.requests))
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
      } else {
        rest.append(group)
      }
    }
    reads.confirmed = rest
  }

  private func grant(_ requests: [ReadRequest], _ snapshot: any KVSnapshot) {
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
      } else if round.leaderTerm == nil, round.ticks % Self.retryTicks == 0 {
        sendReadIndex(round.id)
      }
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
