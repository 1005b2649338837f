import Codec
import Raft
import Runtime

// Writes: what queued together becomes one entry.
extension Peer {
  func write(_ request: WriteRequest) {
    guard lifecycle == .active, !isBroadcastingRemoval else {
      request.completion(.failure(.regionNotFound(regionID: regionID)))
      return
    }
    writes.add(request)
  }

  /// The first reason not to serve a request; `needsLeader` is false for reads at replicas.
  func refusal(
    of context: RequestContext, needsLeader: Bool = true, _ parts: RequestCheck.EpochParts
  ) -> RegionError? {
    if let error = RequestCheck.store(of: context, is: self.context.storeID) { return error }
    if needsLeader, !node.isLeader { return notLeader }
    if let error = RequestCheck.peer(of: context, is: info.id) { return error }
    guard isInitialized, incomingSnapshot == nil else {
      return .regionNotInitialized(regionID: regionID)
    }
    if let error = RequestCheck.term(of: context, at: node.term) { return error }
    return epochMismatch(context.epoch, parts)
  }

  /// `epochNotMatch` with the regions that the requester lacks; nil if `epoch` agrees with the region's in
  /// these parts.
  func epochMismatch(
    _ epoch: RegionEpoch, _ parts: RequestCheck.EpochParts
  ) -> RegionError? {
    guard RequestCheck.epoch(epoch, parts, of: region) != nil else { return nil }
    return .epochNotMatch(
      currentRegions: context.meta.currentRegions(
        of: region, since: epoch.version, rightDerive: context.config.split.rightDerive))
  }

  /// Proposes what queued up in this batch, merged into as few entries as the size limit allows.
  func proposeWrites() {
    if writes.isEmpty { return }
    // They are checked anew: the split was applied, or may never be.
    if !isSplitting || !node.isLeader { writes.releaseParked() }
    let requests = writes.takeQueued()
    if requests.isEmpty { return }
    context.metrics.proposals.all.increment(by: UInt64(requests.count))
    var lists: [RequestList] = []
    var waiters: [Completion<Result<Void, RegionError>>] = []
    var size = 0
    let limit = min(context.config.maxBatchedEntrySize, Int(clamping: context.config.maxEntrySize))
    for request in requests {
      if let error = refusal(of: request) {
        context.metrics.invalidProposals.increment()
        request.completion(.failure(error))
        continue
      }
      let bytes = request.requests.bytes.count
      let waiting = context.unappliedBytes + UInt64(size)
      // One that is larger than the bound passes when it is alone.
      if waiting > 0, waiting + UInt64(bytes) > context.config.memory.maxUnappliedBytes {
        context.metrics.invalidProposals.increment()
        request.completion(.failure(Self.tooMuchUnapplied))
        continue
      }
      if isSplitting {
        writes.park(request)
        countUnapplied()
        continue
      }
      if !lists.isEmpty && size + bytes > limit {
        propose(lists, waiters)
        lists.removeAll(keepingCapacity: true)
        waiters.removeAll(keepingCapacity: true)
        size = 0
      }
      lists.append(request.requests)
      waiters.append(request.completion)
      size += bytes
    }
    if !lists.isEmpty { propose(lists, waiters) }
  }

  private static let tooMuchUnapplied = RegionError.serverIsBusy(
    reason: "too many bytes wait to be written and applied", backoffMs: 0)

  private func refusal(of request: WriteRequest) -> RegionError? {
    if let error = refusal(of: request.context, .version) { return error }
    if isMerging { return .proposalInMergingMode(regionID: regionID) }
    if let term = request.requiredTerm, term != node.term {
      // Leadership was lost and regained since the read: another leader may have written. Nothing is proposed.
      return .notLeader(regionID: regionID, leader: nil)
    }
    if let error = RequestCheck.keys(of: request.requests, in: region) { return error }
    let size = UInt64(request.requests.bytes.count)
    if size > context.config.maxEntrySize {
      return .raftEntryTooLarge(regionID: regionID, entrySize: size)
    }
    if context.disk.isFull, RequestCheck.needsSpace(request.requests) {
      return .diskFull(
        storeIDs: [context.storeID],
        reason: "the disk of store \(context.storeID) is full: only deletes are accepted")
    }
    return transferRefusal
  }

  /// While leadership is on its way to another peer the core takes no proposal; that peer will.
  private var transferRefusal: RegionError? {
    let target = node.leadTransferee
    guard target != NodeID.none else { return nil }
    return .notLeader(regionID: regionID, leader: region.peer(id: target))
  }

  private func propose(
    _ lists: [RequestList], _ waiters: [Completion<Result<Void, RegionError>>]
  ) {
    let header = CommandHeader(
      regionID: regionID, peer: info, epoch: region.epoch, term: node.term)
    let data = CommandCodec.encode(header, lists)
    if lists.count > 1 {
      context.metrics.proposals.batched.increment(by: UInt64(lists.count))
    }
    context.metrics.proposals.normal.increment()
    defer { countUnapplied() }
    if let error = propose(.writes(waiters), { node throws(RaftError) in try node.propose(data) }) {
      for waiter in waiters { waiter(.failure(error)) }
    }
  }

  /// Proposes one entry and notes who waits for it; nil if it was taken.
  func propose(
    _ waiters: Proposal.ProposalCompletions,
    _ body: (inout RawNode<PeerStorage>) throws(RaftError) -> Void
  ) -> RegionError? {
    if let error = run(body) {
      if !node.isLeader { return notLeader }
      if let error = transferRefusal { return error }
      return .serverIsBusy(reason: "raft refuses the proposal: \(error)", backoffMs: 0)
    }
    proposals.append(
      Proposal(
        index: node.lastIndex, term: node.term, proposedAt: context.now, waiters: waiters))
    return nil
  }
}
