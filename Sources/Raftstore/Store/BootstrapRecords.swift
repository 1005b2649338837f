import Codec
import Engine
import Raft
import RaftLog

/// What bootstrapping reads and writes: each step durable when its call returns, the engine's part before
/// the log's.
struct BootstrapRecords {
  let engine: any KVEngine
  let logs: any RaftLogStore

  var path: String { engine.path }

  // MARK: Identity

  func ident() throws(StoreError) -> StoreIdent? {
    try engine.record(StoreIdent.self, KeyLayout.storeIdent, "store identity")
  }

  /// A store without an identity must have nothing else either.
  func requireEmpty() throws(StoreError) {
    for family in ColumnFamily.allCases {
      let found: [KeyValue]
      do throws(EngineError) {
        found = try engine.scan(family, limit: 1)
      } catch {
        throw .engine(error)
      }
      if !found.isEmpty { throw .notEmpty(path: path) }
    }
    if let identity = try logIdentity() {
      throw .mismatchedLogs(
        path: path, reason: "the engine is new, but the log belongs to \(identity)")
    }
    if !logs.regions().isEmpty { throw .notEmpty(path: path) }
  }

  func write(_ ident: StoreIdent) throws(StoreError) {
    var batch = WriteBatch()
    batch.put(.raft, KeyLayout.storeIdent, ident.encoded())
    try write(batch)
    try bindLogs(ident)
  }

  /// Says whose logs these are. The engine said so first: a crash in between left them nameless.
  func bindLogs(_ ident: StoreIdent) throws(StoreError) {
    let identity = LogStoreIdentity(clusterID: ident.clusterID, storeID: ident.storeID)
    if let found = try logIdentity() {
      guard found == identity else {
        throw .mismatchedLogs(
          path: path, reason: "the engine belongs to \(identity), the log to \(found)")
      }
      return
    }
    guard logs.regions().isEmpty else {
      throw .mismatchedLogs(
        path: path, reason: "the engine belongs to \(identity), the raft log to no store")
    }
    do throws(LogStoreError) {
      try logs.bind(identity)
    } catch {
      throw .logs(error)
    }
  }

  private func logIdentity() throws(StoreError) -> LogStoreIdentity? {
    do throws(LogStoreError) {
      return try logs.identity()
    } catch {
      throw .logs(error)
    }
  }

  // MARK: The first region

  func preparedRegion() throws(StoreError) -> Region? {
    try engine.record(
      RegionLocalState.self, KeyLayout.prepareBootstrap, "prepared bootstrap")?.region
  }

  /// Writes a region of one peer with an empty log. Doing it again changes nothing.
  func prepare(_ region: Region) throws(StoreError) {
    let index = BootstrapRegion.index
    let term = BootstrapRegion.term
    let local = RegionLocalState(state: .normal, region: region)
    var batch = WriteBatch()
    batch.put(.raft, KeyLayout.prepareBootstrap, local.encoded())
    if try engine.regionState(region.id) == nil {
      batch.put(.raft, KeyLayout.regionState(regionID: region.id), local.encoded())
      batch.put(
        .raft, KeyLayout.applyState(regionID: region.id), BootstrapRegion.applyState.encoded())
    }
    try write(batch)
    guard logs.lastIndex(region.id) < index else { return }
    var log = LogBatch()
    log.reset(
      region.id, index: index, term: term, hardState: HardState(term: term, commit: index))
    try write(log)
  }

  /// The prepared region is the cluster's first.
  func clearPreparation() throws(StoreError) {
    var batch = WriteBatch()
    batch.delete(.raft, KeyLayout.prepareBootstrap)
    try write(batch)
  }

  /// Another store was first: the prepared region never was. Its log goes before the mark that it is only
  /// prepared.
  func undo(_ region: Region) throws(StoreError) {
    var log = LogBatch()
    log.destroy(region.id)
    try write(log)
    var batch = WriteBatch()
    batch.delete(.raft, KeyLayout.prepareBootstrap)
    batch.delete(.raft, KeyLayout.regionState(regionID: region.id))
    batch.delete(.raft, KeyLayout.applyState(regionID: region.id))
    try write(batch)
  }

  private func write(_ batch: WriteBatch) throws(StoreError) {
    do throws(EngineError) {
      try engine.write(batch, .synced)
    } catch {
      throw .engine(error)
    }
  }

  private func write(_ batch: LogBatch) throws(StoreError) {
    do throws(LogStoreError) {
      _ = try logs.write(batch, .synced)
    } catch {
      throw .logs(error)
    }
  }
}
