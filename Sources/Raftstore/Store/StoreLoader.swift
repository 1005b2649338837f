import Codec
import Engine
import Logging
import Protobuf
import Raft
import RaftLog

/// Finds the peers of a store on its disks, and finishes what a crash has interrupted there.
struct StoreLoader {
  let storeID: UInt64
  let engine: any KVEngine
  let logs: any RaftLogStore
  let logger: Logger
  /// Regions that the log store knows: a store may have many tombstones.
  private let logged: Set<UInt64>

  init(storeID: UInt64, engine: any KVEngine, logs: any RaftLogStore, logger: Logger) {
    self.storeID = storeID
    self.engine = engine
    self.logs = logs
    self.logger = logger
    logged = Set(logs.regions())
  }

  /// The peers to be started, by region id.
  func load() throws(StoreError) -> [LoadedPeer] {
    var peers: [LoadedPeer] = []
    let damages = try damages()
    for (id, local) in try states() {
      if let peer = try restoreDamaged(id, local, damages[id]) {
        peers.append(peer)
        continue
      }
      switch local.state {
      case .tombstone:
        try removeLeftovers(id)
      case .applying:
        if let peer = try restoreApplying(id, local.region) { peers.append(peer) }
      case .normal:
        if let peer = try restoreNormal(id, local.region) { peers.append(peer) }
      case .unavailable:
        if let peer = try restoreEmptied(id, local.region) { peers.append(peer) }
      case .merging:
        if let peer = try restoreMerging(id, local) { peers.append(peer) }
      }
    }
    let regions = peers.map(\.region).filter(\.isInitialized)
    try checkOverlaps(regions)
    try removeStaleData(regions)
    return peers
  }

  private func states() throws(StoreError) -> [(UInt64, RegionLocalState)] {
    let range = KeyLayout.regionStateRange
    let pairs: [KeyValue]
    do throws(EngineError) {
      pairs = try engine.scan(.raft, from: range.start, to: range.end)
    } catch {
      throw .engine(error)
    }
    var result: [(UInt64, RegionLocalState)] = []
    for pair in pairs {
      do throws(CodecError) {
        let id = try KeyLayout.decodeRegionState(pair.key)
        let local = try RegionLocalState(decoding: pair.value)
        guard local.region.id == id else {
          throw CodecError(.malformed, "region \(local.region.id) under the key of \(id)")
        }
        result.append((id, local))
      } catch {
        throw .corrupted(record: "region state \(pair.key.hex)", reason: "\(error)")
      }
    }
    return result
  }

  /// Why peers were fenced, by region.
  private func damages() throws(StoreError) -> [UInt64: PeerDamage] {
    let range = KeyLayout.damageRange
    var result: [UInt64: PeerDamage] = [:]
    do {
      for pair in try engine.scan(.raft, from: range.start, to: range.end) {
        result[try KeyLayout.decodeDamage(pair.key)] = try PeerDamage(decoding: pair.value)
      }
    } catch let error as EngineError {
      throw .engine(error)
    } catch {
      throw .corrupted(record: "damage of peers", reason: "\(error)")
    }
    return result
  }

  /// A peer whose apply state or log is damaged, or that was fenced before; nil for others. A store whose log has
  /// damage that belongs to no region cannot say of a region without a log that it never had one.
  private func restoreDamaged(
    _ id: UInt64, _ local: RegionLocalState, _ known: PeerDamage?
  ) throws(StoreError) -> LoadedPeer? {
    guard [.normal, .applying, .merging].contains(local.state),
      let info = local.region.peer(onStore: storeID)
    else { return nil }
    var damage = known?.peerID == info.id ? known : nil
    var state = ApplyState()
    do throws(StoreError) {
      state = try applyState(id)
    } catch {
      guard error.isDamage else { throw error }
      damage = damage ?? PeerDamage(peerID: info.id, reason: "\(error)")
    }
    if let reason = logs.damage(of: id), damage == nil {
      damage = PeerDamage(peerID: info.id, reason: reason)
    }
    guard let damage else { return nil }
    logger.error(
      "region \(id): peer \(info.id) is damaged and stays fenced",
      metadata: ["reason": "\(damage.reason)"])
    return LoadedPeer(
      region: local.region, info: info, applyState: state, unfinishedSnapshot: nil, damage: damage,
      merge: local.merge)
  }

  private func restoreNormal(_ id: UInt64, _ region: Region) throws(StoreError) -> LoadedPeer? {
    guard let info = region.peer(onStore: storeID) else {
      // Its removal was applied, its end was not.
      try writeTombstone(region)
      return nil
    }
    let state = try applyState(id)
    if state == BootstrapRegion.applyState { try beginLog(id) }
    return LoadedPeer(
      region: region, info: info, applyState: state, unfinishedSnapshot: nil)
  }

  /// The source of a merge goes on where it was: with its target, or with a rollback.
  private func restoreMerging(
    _ id: UInt64, _ local: RegionLocalState
  ) throws(StoreError) -> LoadedPeer? {
    guard let merge = local.merge else {
      throw .corrupted(record: "state of region \(id)", reason: "it is merging, into no region")
    }
    var peer = try restoreNormal(id, local.region)
    peer?.merge = merge
    return peer
  }

  /// Begins the log of a region that a split has created, if a crash came before its peer could. What the peer
  /// voted before the split, when it was created by a message, stays.
  private func beginLog(_ id: UInt64) throws(StoreError) {
    guard logs.lastIndex(id) == 0, logs.truncated(id).index == 0 else { return }
    logger.info("region \(id): its log begins at \(BootstrapRegion.index), as its split has it")
    var batch = LogBatch()
    batch.begin(id, after: logs.hardState(id))
    try write(batch)
  }

  /// The apply state of a region that has one, and whose log goes on from it.
  private func applyState(_ id: UInt64) throws(StoreError) -> ApplyState {
    guard let state = try engine.applyState(id) else {
      throw .corrupted(record: "apply state of region \(id)", reason: "it is missing")
    }
    guard state.truncatedIndex <= state.appliedIndex, state.isInRange else {
      throw .corrupted(
        record: "apply state of region \(id)", reason: "impossible numbers: \(state)")
    }
    let hardState = logs.hardState(id)
    guard hardState.term < Self.numberLimit else {
      throw .corrupted(
        record: "raft log of region \(id)", reason: "impossible numbers: \(hardState)")
    }
    return state
  }

  /// Terms and indexes of raft's are counted up from here: what is stored must be far from overflow.
  fileprivate static let numberLimit: UInt64 = 1 << 62

  /// A snapshot whose data is not in place: its log is made to begin behind it, if that had not
  /// happened yet, and the data is applied by the region worker.
  private func restoreApplying(_ id: UInt64, _ region: Region) throws(StoreError) -> LoadedPeer? {
    guard let info = region.peer(onStore: storeID) else {
      try writeTombstone(region)
      return nil
    }
    let state = try applyState(id)
    guard
      let raft = try engine.record(
        RaftLocalState.self, KeyLayout.snapshotRaftState(regionID: id),
        "snapshot raft state of region \(id)")
    else {
      throw .corrupted(record: "snapshot raft state of region \(id)", reason: "it is missing")
    }
    if logs.truncated(id).index < state.truncatedIndex {
      logger.info("region \(id): its log is reset to start at \(state.truncatedIndex)")
      var hardState = raft.hardState
      let written = logs.hardState(id)
      // A vote that was given while the snapshot was on its way must not be given again.
      if written.term > hardState.term { hardState = written }
      hardState.commit = max(hardState.commit, state.truncatedIndex)
      var batch = LogBatch()
      batch.reset(
        id, index: state.truncatedIndex, term: state.truncatedTerm, hardState: hardState)
      try write(batch)
    }
    let key = SnapshotKey(
      regionID: id, term: state.truncatedTerm, index: state.truncatedIndex)
    return LoadedPeer(
      region: region, info: info, applyState: state, unfinishedSnapshot: key)
  }

  /// A peer that has lost its data: id, term, vote and last index are left (`DataRecovery`).
  private func restoreEmptied(_ id: UInt64, _ region: Region) throws(StoreError) -> LoadedPeer? {
    guard let info = region.peer(onStore: storeID) else {
      try writeTombstone(region)
      return nil
    }
    let name = "snapshot raft state of region \(id)"
    guard
      let raft = try engine.record(
        RaftLocalState.self, KeyLayout.snapshotRaftState(regionID: id), name)
    else {
      throw .corrupted(record: name, reason: "it is missing")
    }
    guard max(raft.hardState.term, raft.lastIndex) < Self.numberLimit else {
      throw .corrupted(record: name, reason: "impossible numbers: \(raft)")
    }
    if logs.lastIndex(id) != 0 || logs.truncated(id).index != 0 || logs.damage(of: id) != nil {
      logger.info("region \(id): its log is removed, its data is lost")
      var batch = LogBatch()
      batch.destroy(id)
      batch.setHardState(id, raft.hardState)
      try write(batch)
    }
    return LoadedPeer(
      region: Region(id: id), info: info, applyState: ApplyState(), unfinishedSnapshot: nil,
      recovery: DataRecovery(index: raft.lastIndex, term: raft.hardState.term))
  }

  /// Writes the tombstone of a region this store was removed from.
  private func writeTombstone(_ region: Region) throws(StoreError) {
    var batch = WriteBatch()
    batch.put(
      .raft, KeyLayout.regionState(regionID: region.id),
      RegionLocalState(state: .tombstone, region: region).encoded())
    do throws(EngineError) {
      try engine.write(batch, .synced)
    } catch {
      throw .engine(error)
    }
    try removeLeftovers(region.id)
  }

  /// Removes what a crash has left of a region that is gone, but for its tombstone.
  private func removeLeftovers(_ id: UInt64) throws(StoreError) {
    let applyKey = KeyLayout.applyState(regionID: id)
    let snapshotKey = KeyLayout.snapshotRaftState(regionID: id)
    let epochKey = KeyLayout.installedEpoch(regionID: id)
    let damageKey = KeyLayout.damage(regionID: id)
    do throws(EngineError) {
      let leftApply = try engine.get(.raft, applyKey)
      let leftSnapshot = try engine.get(.raft, snapshotKey)
      let leftEpoch = try engine.get(.raft, epochKey)
      let leftDamage = try engine.get(.raft, damageKey)
      if leftApply != nil || leftSnapshot != nil || leftEpoch != nil || leftDamage != nil {
        var batch = WriteBatch()
        batch.delete(.raft, applyKey)
        batch.delete(.raft, snapshotKey)
        batch.delete(.raft, epochKey)
        batch.delete(.raft, damageKey)
        try engine.write(batch, .synced)
      }
    } catch {
      throw .engine(error)
    }
    if logs.damage(of: id) != nil {
      var batch = LogBatch()
      batch.destroy(id)
      return try write(batch)
    }
    guard logged.contains(id) else { return }
    // A log that has no entries and never had any is not what a crash has left of the dead peer: it is the
    // vote of a newer one that had not learnt its region yet. Should a message make that one again, it must
    // not vote twice.
    if logs.lastIndex(id) == 0 && logs.truncated(id).index == 0 { return }
    var batch = LogBatch()
    batch.destroy(id)
    try write(batch)
  }

  private func write(_ batch: LogBatch) throws(StoreError) {
    do throws(LogStoreError) {
      _ = try logs.write(batch, .synced)
    } catch {
      throw .logs(error)
    }
  }

  private func checkOverlaps(_ regions: [Region]) throws(StoreError) {
    let sorted = regions.sorted { precedes($0.startKey, $1.startKey) }
    for (left, right) in zip(sorted, sorted.dropFirst()) where left.range.overlaps(right.range) {
      throw .corrupted(
        record: "states of regions \(left.id) and \(right.id)",
        reason: "their ranges overlap: \(left), \(right)")
    }
  }

  /// Deletes data in ranges that no region of this store covers: its region was removed, and a crash
  /// came before its data went.
  private func removeStaleData(_ regions: [Region]) throws(StoreError) {
    let gaps = KeyRange.all.subtracting(regions.map(\.range))
    do throws(EngineError) {
      for gap in gaps { try RangeDeleter(engine: engine).delete(gap) }
    } catch {
      throw .engine(error)
    }
  }
}

extension ApplyState {
  fileprivate var isInRange: Bool {
    max(appliedIndex, commitIndex, truncatedTerm, commitTerm) < StoreLoader.numberLimit
  }
}
