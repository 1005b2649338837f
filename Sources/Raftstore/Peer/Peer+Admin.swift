import Codec
import Raft
import Runtime

// Changes to the region itself.
extension Peer {
  func proposeAdmin(_ request: AdminRequest) {
    guard lifecycle == .active, !isBroadcastingRemoval else {
      request.completion(.failure(.regionNotFound(regionID: regionID)))
      return
    }
    if let error = refusal(of: request) {
      request.completion(.failure(error))
      return
    }
    switch request.command {
    case .transferLeader(let peer, let candidates):
      transferLeader(to: [peer] + candidates, request.completion)
    case .changePeer(let change):
      changeMembers([change], request)
    case .changePeerV2(let changes):
      changeMembers(changes, request)
    case .compactLog:
      let data = CommandCodec.encode(header(), request.command)
      if let error = propose(
        .admin(request.completion), { node throws(RaftError) in try node.propose(data) })
      {
        request.completion(.failure(error))
      }
    case .batchSplit(let split):
      proposeSplit(split, request.completion)
    case .prepareMerge(let merge):
      proposePrepareMerge(into: merge.target, request.completion)
    case .commitMerge(let merge):
      proposeCommitMerge(merge, request.completion)
    case .rollbackMerge:
      // The members decide it by what they see of the target.
      request.completion(.failure(.other(message: "a merge is not rolled back by request")))
    case .computeHash, .verifyHash:
      request.completion(
        .failure(.other(message: "consistency checks are begun by `checkConsistency`")))
    }
  }

  func header() -> CommandHeader {
    CommandHeader(regionID: regionID, peer: info, epoch: region.epoch, term: node.term)
  }

  private func refusal(of request: AdminRequest) -> RegionError? {
    if !node.isLeader { return notLeader }
    guard isInitialized, incomingSnapshot == nil else {
      return .regionNotInitialized(regionID: regionID)
    }
    if let error = epochMismatch(request.epoch, RequestCheck.parts(of: request.command)) {
      return error
    }
    if case .transferLeader = request.command { return nil }
    return isMerging ? .proposalInMergingMode(regionID: regionID) : nil
  }

  /// What the placement driver wants done. It asks again if it is not done.
  func executeOperator(_ order: RegionOperator) {
    guard lifecycle == .active, !isBroadcastingRemoval, node.isLeader, order.leader.id == info.id
    else {
      return
    }
    let command: AdminCommand
    switch order.step {
    case .changePeer(let change): command = .changePeer(change)
    case .changePeerV2(let changes): command = .changePeerV2(changes)
    case .transferLeader(let peer, let candidates):
      command = .transferLeader(peer: peer, candidates: candidates)
    case .splitRegion(let keys): return requestSplit(at: keys, epoch: order.epoch)
    case .merge(let target): command = .prepareMerge(.init(minIndex: 0, target: target))
    }
    let logger = context.logger
    let id = regionID
    let abandoned = Result<[Region], RegionError>.failure(.staleCommand)
    proposeAdmin(
      AdminRequest(
        regionID: id, epoch: order.epoch, command: command,
        completion: Completion(abandoned: abandoned) { result in
          if case .failure(let error) = result {
            logger.info("region \(id): operator \(command) is not executed: \(error)")
          }
        }))
  }

  // MARK: Leader transfer

  /// Transfers leadership to the first candidate that is close behind; returns at once.
  private func transferLeader(
    to candidates: [PeerInfo], _ completion: Completion<Result<[Region], RegionError>>
  ) {
    if candidates.contains(where: { $0.id == info.id }) {
      completion(.success([region]))
      return
    }
    guard let target = candidates.first(where: canTakeLeadership) else {
      completion(
        .failure(.other(message: "no candidate is a recently active voter with an up-to-date log")))
      return
    }
    context.metrics.proposals.transferLeader.increment()
    // From here on the target may take over at any moment.
    dropLease()
    run { node throws(RaftError) in try node.transferLeader(to: target.id) }
    completion(.success([region]))
  }

  /// Transfers leadership to whoever is closest behind, if anyone may take over.
  func evictLeaders() {
    guard lifecycle == .active, !isBroadcastingRemoval, node.isLeader,
      node.leadTransferee == NodeID.none
    else {
      return
    }
    let candidates = region.peers.filter { $0.id != info.id && canTakeLeadership($0) }
    let best = candidates.max { left, right in
      node.progress(of: left.id)?.match ?? 0 < node.progress(of: right.id)?.match ?? 0
    }
    guard let best else { return }
    dropLease()
    run { node throws(RaftError) in try node.transferLeader(to: best.id) }
  }

  private func canTakeLeadership(_ candidate: PeerInfo) -> Bool {
    guard let member = region.peer(id: candidate.id), member.storeID == candidate.storeID,
      member.role == .voter || member.role == .incomingVoter, !member.isWitness,
      let progress = node.progress(of: member.id)
    else { return false }
    return progress.recentActive && progress.state == .replicate
      && node.lastIndex - min(node.lastIndex, progress.match) <= Self.transferLag
  }

  /// Entries a new leader may lack when it is asked to take over.
  private static let transferLag: UInt64 = 128

  // MARK: Membership

  private func changeMembers(_ changes: [AdminCommand.PeerChange], _ request: AdminRequest) {
    context.metrics.proposals.confChange.increment()
    guard !splitting.fence.isPending(RequestCheck.parts(of: request.command), term: node.term)
    else {
      request.completion(
        .failure(
          .serverIsBusy(
            reason: "another change of the region's epoch is not applied yet", backoffMs: 0)))
      return
    }
    do throws(MembershipRefusal) {
      try checkMembership(changes)
    } catch {
      request.completion(.failure(.other(message: error.reason)))
      return
    }
    let conf = ConfChangeV2(
      transition: changes.count > 1 ? .jointExplicit : .auto,
      changes: changes.map {
        ConfChangeSingle(type: $0.type.raftType, nodeID: $0.peer.id)
      },
      context: CommandCodec.encode(header(), request.command))
    if let error = propose(
      .admin(request.completion),
      { node throws(RaftError) in try node.proposeConfChange(conf) })
    {
      request.completion(.failure(error))
      return
    }
    noteEpochChange(request.command)
  }
}
