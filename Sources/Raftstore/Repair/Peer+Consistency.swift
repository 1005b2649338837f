import Codec
import Raft
import Runtime

// The check whether the replicas of a region hold the same data. The leader proposes `computeHash`; every replica
// hashes the data as it is behind that entry and reports the hash to the leader. What a majority of voters has is
// right: the leader proposes it as `verifyHash`, and a replica that has another one is fenced, the leader too. In TiKV
// the leader's hash is right, whatever the others have, and a process that has another one ends.
//
// All state is in memory: a restart, a change of leader or a snapshot in between makes a check miss replicas, and the
// next one finds them.
extension Peer {
  func checkConsistency(_ waiter: Completion<Result<ConsistencyReport, RegionError>>?) {
    guard lifecycle == .active, !isBroadcastingRemoval else {
      waiter?(.failure(.regionNotFound(regionID: regionID)))
      return
    }
    guard node.isLeader else {
      waiter?(.failure(notLeader))
      return
    }
    if isMerging {
      // Nothing but the rollback of the merge is applied now.
      waiter?(.failure(.proposalInMergingMode(regionID: regionID)))
      return
    }
    if health.check == nil {
      let expiry =
        context.config.reads.consistency.valuesExpire
        ? context.clock.wallMilliseconds / 1000 + ConsistencyContext.margin : nil
      let how = ConsistencyContext(expiresAfter: expiry).encoded
      let data = CommandCodec.encode(header(), .computeHash(context: how))
      if let error = propose(.none, { node throws(RaftError) in try node.propose(data) }) {
        waiter?(.failure(error))
        return
      }
      context.metrics.damage.checks.increment()
      health.check = ConsistencyCheck(
        index: node.lastIndex, term: node.term, context: how,
        deadline: context.now + context.config.reads.consistency.timeout,
        silenceAllowed: context.now
          + context.config.baseTickInterval * (3 * context.config.electionTicks))
    }
    if let waiter { health.check?.waiters.append(waiter) }
  }

  /// The consistency worker has hashed the data behind entry `index`.
  func hashComputed(_ hash: [UInt8], at index: UInt64) {
    guard lifecycle == .active else { return }
    if health.verification.computed(hash, at: index) { return hashDiffers(at: index) }
    if node.isLeader {
      hashReported(by: info.id, hash, at: index)
    } else if let leader = knownLeader {
      context.envelopes.append(
        RaftEnvelope(
          regionID: regionID, from: info, to: leader, epoch: region.epoch,
          extra: ExtraMessage(kind: .consistencyHash, index: index, hash: hash)))
    }
  }

  /// As leader: a replica's hash.
  func hashReported(by id: UInt64, _ hash: [UInt8], at index: UInt64) {
    guard node.isLeader, let check = health.check, check.index == index, check.term == node.term,
      region.peer(id: id) != nil, hash.count == RegionHasher.hashBytes
    else { return }
    health.check?.hashes[id] = hash
    proposeAgreedHash()
    if region.peers.allSatisfy({ health.check?.hashes[$0.id] != nil }) { endConsistencyCheck() }
  }

  private func proposeAgreedHash() {
    guard let check = health.check, !check.isProposed, let agreed = check.agreed(region) else {
      return
    }
    let command = AdminCommand.verifyHash(index: check.index, hash: agreed, context: check.context)
    let data = CommandCodec.encode(header(), command)
    if propose(.none, { node throws(RaftError) in try node.propose(data) }) == nil {
      health.check?.isProposed = true
    }
  }

  /// The majority's hash at entry `index` was applied.
  func verifyHash(_ hash: [UInt8], at index: UInt64) {
    guard lifecycle == .active else { return }
    if health.verification.verify(hash, at: index) { hashDiffers(at: index) }
  }

  private func hashDiffers(at index: UInt64) {
    context.metrics.damage.mismatches.increment()
    damaged(.hash, "its data at log index \(index) differs from the majority's")
  }

  func tickConsistencyCheck() {
    guard let check = health.check else { return }
    guard node.isLeader, check.term == node.term, context.now < check.deadline else {
      return endConsistencyCheck()
    }
    proposeAgreedHash()
    // A replica that cannot be reached is not waited for.
    let isComplete = region.peers.allSatisfy { peer in
      peer.id == info.id
        ? check.hashes[peer.id] != nil
        : check.hashes[peer.id] != nil
          || context.now > check.silenceAllowed
            && node.progress(of: peer.id)?.recentActive != true
    }
    if isComplete { endConsistencyCheck() }
  }

  /// Ends the check that is under way, if there is one, with what is known.
  func endConsistencyCheck() {
    guard let check = health.check.take() else { return }
    let report = ConsistencyReport(check, region)
    if lifecycle == .active, node.isLeader, check.hashes.count > 1, check.agreed(region) == nil {
      context.metrics.damage.undecided.increment()
      context.logger.critical(
        "region \(regionID): no majority of replicas has the same data at index \(check.index)")
    }
    for waiter in check.waiters { waiter(.success(report)) }
  }
}
