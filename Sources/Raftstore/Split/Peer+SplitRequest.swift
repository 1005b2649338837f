import Codec
import Engine
import Raft
import Runtime

/// A split that a leader prepares: it is not proposed yet.
struct PreparedSplit {
  /// Distinguishes it from earlier ones of the peer.
  var number: UInt64
  /// The region that is to be split. If it changes before the proposal, nothing comes of it.
  var region: Region
  /// None as long as the middle is looked for.
  var keys: [[UInt8]]
  /// Whether the parts are about equal, so that each gets its share of the region's size.
  var sharesSize: Bool
  var completion: Completion<Result<[Region], RegionError>>
}

// Splits: from the measured size, a client's request or an operator to the proposal.
extension Peer {
  // MARK: Measuring

  /// Has the region measured if it is time to.
  func checkSplit() {
    let isGenerating =
      switch storage.snapshotState {
      case .requested, .generating: true
      case .idle, .checking, .available: false
      }
    guard hasAppliedOwnTerm, !isSplitting, splitting.prepared == nil else { return }
    guard
      splitting.trigger.begin(
        at: context.now, context.config.split, isGeneratingSnapshot: isGenerating)
    else { return }
    context.router.postToStore(
      .checkSplit(SplitCheck(region: region, peerID: info.id, purpose: .limits)))
  }

  /// Deleted data of the region's range is gone from the files of this store.
  func rangeCompacted() {
    guard lifecycle == .active, node.isLeader else { return }
    splitting.trigger.rangeCompacted(at: context.now)
  }

  /// The region was measured. The result is of no use if it is another region by now.
  func splitChecked(_ result: SplitCheckResult) {
    let isCurrent =
      lifecycle == .active && node.isLeader && result.region.epoch.version == region.epoch.version
    if case .middle(let number) = result.purpose { return middleFound(number, result, isCurrent) }
    splitting.trigger.end(isCurrent ? result.size : nil)
    if isCurrent, result.size != nil { reportSizeIfOff() }
    guard isCurrent, !result.splitKeys.isEmpty else { return }
    // The region is over its limit: it is checked again unless a split is applied.
    splitting.trigger.splitBegins()
    guard splitting.prepared == nil, !isSplitting else { return }
    let logger = context.logger
    let id = regionID
    prepareSplit(
      result.splitKeys, sharesSize: result.isDividedEvenly,
      Completion(abandoned: .failure(.staleCommand)) { outcome in
        guard case .failure(let error) = outcome else { return }
        logger.info("region \(id): is not split for its size now: \(error)")
      })
  }

  private func middleFound(_ number: UInt64, _ result: SplitCheckResult, _ isCurrent: Bool) {
    guard let prepared = splitting.prepared, prepared.number == number else { return }
    splitting.prepared = nil
    guard isCurrent else { return prepared.completion(.failure(staleSplit(prepared))) }
    prepareSplit(result.splitKeys, sharesSize: true, prepared.completion)
  }

  // MARK: Requests

  /// A client's or operator's request.
  func requestSplit(_ request: SplitRequest) {
    guard lifecycle == .active, !isBroadcastingRemoval else {
      return request.completion(.failure(.regionNotFound(regionID: regionID)))
    }
    if let error = refusal(of: request.context, .version) {
      return request.completion(.failure(error))
    }
    guard splitting.prepared == nil, !isSplitting else {
      return request.completion(
        .failure(
          .serverIsBusy(reason: "another split of the region is under way", backoffMs: 0)))
    }
    if request.keys.isEmpty {
      let number = begin([], sharesSize: true, request.completion)
      let check = SplitCheck(
        region: region, peerID: info.id, purpose: .middle(request: number))
      context.router.postToStore(.checkSplit(check))
      return
    }
    if let key = request.keys.first(where: { !region.contains($0) }) {
      return request.completion(
        .failure(
          .keyNotInRegion(
            key: key, regionID: regionID, start: region.startKey, end: region.endKey)))
    }
    prepareSplit(request.keys.sorted(by: precedes), sharesSize: false, request.completion)
  }

  /// An operator of the placement driver. It asks again if nothing comes of it.
  func requestSplit(at keys: [[UInt8]], epoch: RegionEpoch) {
    let logger = context.logger
    let id = regionID
    requestSplit(
      SplitRequest(
        context: RequestContext(regionID: id, epoch: epoch, peer: info), keys: keys,
        completion: Completion(abandoned: .failure(.staleCommand)) { result in
          if case .failure(let error) = result {
            logger.info("region \(id): operator to split is not executed: \(error)")
          }
        }))
  }

  // MARK: Ids

  private func begin(
    _ keys: [[UInt8]], sharesSize: Bool,
    _ completion: Completion<Result<[Region], RegionError>>
  ) -> UInt64 {
    splitting.preparedCount += 1
    splitting.prepared = PreparedSplit(
      number: splitting.preparedCount, region: region, keys: keys, sharesSize: sharesSize,
      completion: completion)
    return splitting.preparedCount
  }

  /// Asks the placement driver for ids. Keys at which the region cannot be cut get none.
  func prepareSplit(
    _ keys: [[UInt8]], sharesSize: Bool,
    _ completion: Completion<Result<[Region], RegionError>>
  ) {
    let wanted = AdminCommand.BatchSplit(
      splits: keys.map { AdminCommand.Split(key: $0, newRegionID: 0, newPeerIDs: []) },
      rightDerive: true)
    let valid = wanted.withoutInvalidKeys(in: region).splits.map(\.key)
    guard !valid.isEmpty else {
      splitting.trigger.splitFailed(at: context.now, context.config.split)
      return completion(.failure(.other(message: "no valid key found for split.")))
    }
    let number = begin(valid, sharesSize: sharesSize, completion)
    let question = SplitQuestion(
      region: region, peerID: info.id, number: number, count: UInt32(clamping: valid.count))
    guard context.router.sendToStore(.askSplit(question)) else {
      failPreparedSplit(.serverIsBusy(reason: "the store worker is busy", backoffMs: 0))
      return
    }
  }

  /// The placement driver has responded.
  func splitIDsReceived(_ number: UInt64, _ result: Result<[SplitIDs], PDClientError>) {
    guard let prepared = splitting.prepared, prepared.number == number else { return }
    switch result {
    case .failure(let error):
      failPreparedSplit(
        .serverIsBusy(reason: "no ids for new regions: \(error)", backoffMs: 0))
    case .success(let ids) where ids.count != prepared.keys.count:
      failPreparedSplit(
        .other(message: "\(ids.count) ids for \(prepared.keys.count) new regions"))
    case .success(let ids):
      guard node.isLeader else { return failPreparedSplit(notLeader) }
      guard prepared.region.epoch == region.epoch else {
        return failPreparedSplit(staleSplit(prepared))
      }
      splitting.prepared = nil
      proposeSplit(prepared, ids)
    }
  }

  private func proposeSplit(_ prepared: PreparedSplit, _ ids: [SplitIDs]) {
    var splits: [AdminCommand.Split] = []
    for (key, id) in zip(prepared.keys, ids) {
      splits.append(
        AdminCommand.Split(key: key, newRegionID: id.regionID, newPeerIDs: id.peerIDs))
    }
    let command = AdminCommand.BatchSplit(
      splits: splits, rightDerive: context.config.split.rightDerive,
      sharesSize: prepared.sharesSize)
    proposeAdmin(
      AdminRequest(
        regionID: regionID, epoch: prepared.region.epoch, command: .batchSplit(command),
        completion: prepared.completion))
  }

  /// Ends the split that is being prepared, if there is one.
  func failPreparedSplit(_ error: RegionError) {
    guard let prepared = splitting.prepared.take() else { return }
    splitting.trigger.splitFailed(at: context.now, context.config.split)
    prepared.completion(.failure(error))
  }

  private func staleSplit(_ prepared: PreparedSplit) -> RegionError {
    node.isLeader
      ? .epochNotMatch(
        currentRegions: context.meta.currentRegions(
          of: region, since: prepared.region.epoch.version,
          rightDerive: context.config.split.rightDerive))
      : notLeader
  }
}
