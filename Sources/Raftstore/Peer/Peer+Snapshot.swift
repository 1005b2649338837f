import Codec
import Engine
import Protobuf
import Raft
import RaftLog

// Received snapshots replace log and data step by step. Those for followers are in Peer+Sending.
//
// A received snapshot is, in this order: checked and its range reserved; stepped; stored as *applying*
// state in the engine, then in the log; applied by the region worker; live. A crash at any point
// leaves what a restart can finish.
extension Peer {
  // MARK: Receiving

  /// Whether a snapshot message may be stepped. Reserves the range if so; else its files go.
  func admitSnapshot(_ snapshot: Snapshot, to receiver: PeerInfo) -> Bool {
    let key = SnapshotKey(
      regionID: regionID, term: snapshot.metadata.term, index: snapshot.metadata.index)
    if let incomingSnapshot {
      // One at a time. The same one again changes nothing: its files are being used.
      if incomingSnapshot.key != key { discardReceived(key) }
      return false
    }
    let data: RaftSnapshotData
    do throws(CodecError) {
      try FieldCount.check(snapshot.data.span.bytes, .snapshotData)
      data = try RaftSnapshotData(decoding: snapshot.data)
    } catch {
      context.logger.warning("region \(regionID): snapshot \(key) refused: \(error)")
      discardReceived(key)
      return false
    }
    if let problem = EnvelopeCheck.problem(of: data.region) {
      context.logger.warning("region \(regionID): snapshot \(key) refused: \(problem)")
      discardReceived(key)
      return false
    }
    if let recovery, !recovery.isCovered(by: snapshot.metadata) {
      context.logger.info("region \(regionID): snapshot \(key) refused: it is too old")
      discardReceived(key)
      return false
    }
    guard data.region.id == regionID,
      snapshot.metadata.confState.isEquivalent(to: data.region.confState),
      data.region.peer(id: receiver.id) != nil,
      snapshot.metadata.index > node.committed
    else {
      discardReceived(key)
      return false
    }
    if !isInitialized, context.meta.isCreatedBySplit(regionID) {
      // A split has created this region here: the peer that replaces this one needs no snapshot for that.
      discardReceived(key)
      return false
    }
    guard
      context.meta.reserve(
        data.region.range, for: regionID, delegate: delegate, version: data.region.epoch.version)
    else {
      let others = context.meta.overlapping(data.region.range, except: regionID)
      context.logger.info(
        "region \(regionID): snapshot \(key) refused, its range overlaps regions \(others)")
      for id in others { context.router.post(.suspectMerge(regionID: id), to: id) }
      context.metrics.dropped.overlap.increment()
      discardReceived(key)
      return false
    }
    // From here on nothing that removes files, queued earlier for the same snapshot, can do so. Without the
    // files stepping it would cut off the log, and nothing could be put in its place.
    guard context.snapshots.pinReceived(key, data.region.range, for: info.id) else {
      context.logger.warning(
        "region \(regionID): snapshot \(key) refused: its files are not here")
      context.meta.release(regionID)
      return false
    }
    incomingSnapshot = IncomingSnapshot(key: key, region: data.region, stage: .stepped)
    return true
  }

  /// After stepping an admitted snapshot: the core may have refused it.
  func resolveSnapshot() {
    guard let incomingSnapshot, incomingSnapshot.stage == .stepped, !node.hasPendingSnapshot else {
      return
    }
    self.incomingSnapshot = nil
    context.meta.release(regionID)
    abandonSnapshot(incomingSnapshot.key)
  }

  /// The peer will not apply a snapshot it had taken.
  func abandonSnapshot(_ key: SnapshotKey) {
    context.snapshots.unpin(key, for: info.id)
    discardReceived(key)
  }

  private func discardReceived(_ key: SnapshotKey) {
    context.regionTasks.append(.deleteSnapshot(key, .received))
  }

  /// Adds a snapshot to the task that stores it: *applying* in the engine first, then the log.
  func beginPersisting(_ snapshot: Snapshot, _ task: inout LogWriteTask) {
    guard var incomingSnapshot else {
      preconditionFailure("region \(regionID): a snapshot that was not admitted")
    }
    let index = snapshot.metadata.index
    let term = snapshot.metadata.term
    let hardState = node.hardState
    storage.noteSnapshot(index: index, term: term)
    applyQueue.submit(through: index)
    var data = WriteBatch()
    data.put(
      .raft, KeyLayout.regionState(regionID: regionID),
      RegionLocalState(state: .applying, region: incomingSnapshot.region).encoded())
    data.put(
      .raft, KeyLayout.applyState(regionID: regionID), storage.applyState.encoded())
    data.put(
      .raft, KeyLayout.snapshotRaftState(regionID: regionID),
      RaftLocalState(hardState: hardState, lastIndex: index).encoded())
    data.put(
      .raft, KeyLayout.installedEpoch(regionID: regionID), incomingSnapshot.region.epoch.encoded())
    endSources(incomingSnapshot, &data)
    task.data = data
    task.log.reset(regionID, index: index, term: term, hardState: hardState)
    task.needsAck = true
    incomingSnapshot.stage = .persisting(number: logWrites.nextNumber)
    self.incomingSnapshot = incomingSnapshot
    // Whoever waits for an entry that the snapshot covers cannot be told what became of it.
    proposals.failAll(.staleCommand)
  }

  /// Log and state are durable: the data may be replaced.
  func snapshotPersisted(_ snapshot: IncomingSnapshot) {
    let old = region
    storage.region = snapshot.region
    if let member = snapshot.region.peer(id: info.id) { info = member }
    incomingSnapshot?.stage = .applying
    health.verification.replaced(by: snapshot.key.index)
    recovery = nil
    // None is made of a region that is merging: the merge was rolled back meanwhile.
    merging.end()
    removeSources(snapshot)
    destroyLeftovers(of: old, after: snapshot.region)
    context.regionTasks.append(
      .applySnapshot(peerID: info.id, region: snapshot.region, key: snapshot.key))
  }

  /// A region that shrank leaves data behind that belongs to no one, or to others by now.
  func destroyLeftovers(of old: Region, after new: Region) {
    guard old.isInitialized else { return }
    let held = context.meta.occupied(in: old.range, except: regionID) + [new.range]
    for piece in old.range.subtracting(held) {
      context.regionTasks.append(.destroyRange(regionID: regionID, range: piece))
    }
  }

  /// The region worker has put the data in place, or could not.
  func snapshotApplied(key: SnapshotKey, error: SnapshotError?) {
    guard let incomingSnapshot, incomingSnapshot.key == key, incomingSnapshot.stage == .applying
    else { return }
    if case .inProgress = error {
      // Someone looks at the files for a moment: a second reception that finds them complete.
      context.regionTasks.append(
        .applySnapshot(peerID: info.id, region: incomingSnapshot.region, key: key))
      return
    }
    if let error {
      context.metrics.snapshotFailures.increment()
      context.logger.error(
        "region \(regionID): snapshot \(key) cannot be applied, the peer starts over: \(error)")
      abandonSnapshot(key)
      self.incomingSnapshot = nil
      let isRemoved = lifecycle == .awaitingSnapshotApply
      guard isRemoved || lifecycle == .active else { return }
      lifecycle = .active
      if isRemoved { destroy("its snapshot could not be applied") } else { startOver() }
      return
    }
    self.incomingSnapshot = nil
    if lifecycle == .awaitingSnapshotApply {
      lifecycle = .active
      destroy("it was removed while a snapshot was applied")
      return
    }
    guard lifecycle == .active else { return }
    context.meta.set(incomingSnapshot.region, delegate: delegate)
    context.meta.release(regionID)
    registerForApply()
    context.applyMessages.append(contentsOf: applyQueue.takeDeferred().map { .apply($0) })
    if merging.release != nil { return stopAsSource() }
    catchUp()
  }

  func registerForApply() {
    context.applyMessages.append(
      .register(
        ApplyRegistration(
          peerID: info.id, region: region, state: storage.applyState,
          appliedTerm: storage.appliedTerm, merge: merging.prepared)))
  }

  // MARK: Files

  /// Snapshot unused files: those this peer has no use for either may go.
  func collect(_ idle: [IdleSnapshot]) {
    let disposable = SnapshotRetention.disposable(
      idle, truncatedIndex: storage.applyState.truncatedIndex,
      truncatedTerm: storage.applyState.truncatedTerm, applying: incomingSnapshot?.key,
      now: context.clock.wallMilliseconds, timeout: context.config.snapshotGC.timeout)
    for snapshot in disposable {
      context.regionTasks.append(.deleteSnapshot(snapshot.key, snapshot.origin))
    }
  }
}
