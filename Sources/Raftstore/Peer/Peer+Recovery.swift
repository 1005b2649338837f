import Codec
import Engine
import Raft
import RaftLog
import Runtime

/// What a peer must respect after it lost its log and data, because a snapshot that had taken their place could
/// not be applied. It keeps its id, its term and its vote, and gets everything anew by a snapshot.
///
/// Entries up to `index` may have been acknowledged, to leaders of terms up to `term`, and whatever of them
/// was committed may have been so by counting this peer. So it must not help to elect a leader that lacks
/// them: it does not vote before it has a snapshot that holds all of them. One of a later index does, for
/// what it covers is decided; so does one whose last entry is of a later term, for its leader was elected
/// without this peer and by Raft's leader completeness had all that was committed in earlier ones.
struct DataRecovery: Equatable {
  var index: UInt64
  var term: UInt64
  /// When the leader was asked last.
  var requestedAt: Instant?

  func isCovered(by snapshot: SnapshotMetadata) -> Bool {
    snapshot.index >= index || snapshot.term > term
  }
}

extension Peer {
  // MARK: Losing

  /// Gives up log and data, and begins again without them under the same id.
  func startOver() {
    context.logger.warning("region \(regionID): peer \(info.id) starts over without its data")
    dropLease()
    stopSending()
    failPending(.regionNotFound(regionID: regionID))
    localSteps = []
    recovery = DataRecovery(index: node.lastIndex, term: node.term)
    ending = .emptied
    stopApplying()
  }

  /// Records id, term, vote and last index.
  func writeEmptied(_ task: inout LogWriteTask) {
    guard let recovery else {
      preconditionFailure("region \(regionID): a peer without recovery state is emptied")
    }
    var hardState = node.hardState
    hardState.commit = 0
    var data = WriteBatch()
    data.put(
      .raft, KeyLayout.regionState(regionID: regionID),
      RegionLocalState(state: .unavailable, region: region).encoded())
    data.put(
      .raft, KeyLayout.snapshotRaftState(regionID: regionID),
      RaftLocalState(hardState: hardState, lastIndex: recovery.index).encoded())
    data.delete(.raft, KeyLayout.applyState(regionID: regionID))
    task.data = data
    task.log.destroy(regionID)
    task.log.setHardState(regionID, hardState)
  }

  /// What takes the place of a peer that has lost its data; nil for others, and before it is gone.
  var successor: LoadedPeer? {
    if lifecycle == .gone, ending == .alone { return aloneSuccessor }
    guard lifecycle == .gone, ending == .emptied else { return nil }
    return LoadedPeer(
      region: Region(id: regionID), info: info, applyState: ApplyState(), unfinishedSnapshot: nil,
      recovery: recovery)
  }

  // MARK: Getting it back

  /// Tells whoever acts as leader that nothing is here: it believes otherwise, and its messages build on it.
  func requestData(after envelope: RaftEnvelope) {
    guard incomingSnapshot == nil, let type = envelope.message?.type,
      type == .heartbeat || type == .append
    else { return }
    let interval = context.config.baseTickInterval * context.config.electionTicks
    if let last = recovery?.requestedAt, context.now - last < interval { return }
    recovery?.requestedAt = context.now
    context.envelopes.append(
      RaftEnvelope(
        regionID: regionID, from: info, to: envelope.from, epoch: region.epoch,
        extra: ExtraMessage(kind: .availabilityResponse, waitData: true)))
  }

  /// As leader: a member says that it has lost its log. Should that not be true, it costs a snapshot.
  func restartReplication(to peer: PeerInfo) {
    guard node.isLeader, region.peer(id: peer.id) != nil else { return }
    // A merge counts on the log that it has acknowledged; no snapshot is made of a region that is merging.
    if isMerging || isSplitting || !hasAppliedOwnTerm { return }
    guard activity.beginRestart(of: peer.id, region, context.now) else { return }
    context.logger.warning(
      "region \(regionID): peer \(peer.id) has lost its data, it is sent everything anew")
    run { node throws(RaftError) in try node.restartReplication(to: peer.id) }
  }
}
