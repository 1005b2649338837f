package import Codec
package import Engine
package import Raft
package import RaftLog

/// What is on one store's disks at one moment, read below all faults, whether the store runs or not.
///
/// Of the raft log it shows what is *durable*, because only that may be acknowledged: a write whose sync
/// failed may be there now and gone after the crash that follows. Of the engine it shows what a read
/// would find: its writes are covered by the log, and may be lost and made again.
package struct DiskView {
  /// A region's replica as the disks know it.
  package struct Replica {
    package var regionID: UInt64
    /// Nil of a peer that was made by a message and has not learnt its region yet.
    package var local: RegionLocalState?
    package var apply: ApplyState?
    package var hardState: HardState
    /// Nil when the store has no log of the region.
    package var log: LogBounds?
    /// The peer's id; nil when the records do not say.
    package var peerID: UInt64?
    /// Of a peer that lost its data to a damaged snapshot: the last entry that it may have acknowledged. It
    /// takes no part in elections before it has a snapshot that covers this.
    package var lostIndex: UInt64?
    /// The peer is fenced, because its log or data is damaged.
    package var isFenced = false

    /// Data, apply state and log are all there, belong together and can be relied on.
    package var isLive: Bool {
      (local?.state == .normal || local?.state == .merging) && apply != nil && !isFenced
    }
  }

  /// What a region's log on disk spans: indexes of its first and its last entry.
  package struct LogBounds: Hashable {
    package var truncatedIndex: UInt64
    package var truncatedTerm: UInt64
    package var lastIndex: UInt64
    package var lastTerm: UInt64
  }

  package let store: SimulatedStore
  /// 0 before the store knows who it is.
  package let storeID: UInt64
  package let engine: any KVSnapshot
  package let logs: MemoryLogStore
  /// By region.
  package let replicas: [Replica]
  /// Why the disks cannot be read.
  package let problem: String?

  package init(_ store: SimulatedStore) {
    self.store = store
    engine = store.disk.engine.snapshot()
    logs = store.disk.logs.durable
    (storeID, replicas, problem) = Self.read(engine, logs, store)
  }

  private static func read(
    _ engine: any KVSnapshot, _ logs: MemoryLogStore, _ store: SimulatedStore
  ) -> (UInt64, [Replica], String?) {
    do {
      let storeID = try storeID(engine)
      return (storeID, try replicas(engine, logs, store, storeID), nil)
    } catch {
      return (0, [], "the disks of \(store.machine.name) cannot be read: \(error)")
    }
  }

  /// The replica of this region as its disk shows it; nil when there is none.
  package func replica(_ regionID: UInt64) -> Replica? {
    replicas.first { $0.regionID == regionID }
  }

  private static func storeID(_ engine: any KVSnapshot) throws -> UInt64 {
    guard let record = try engine.get(.raft, KeyLayout.storeIdent) else { return 0 }
    return try StoreIdent(decoding: record).storeID
  }

  private static func replicas(
    _ engine: any KVSnapshot, _ logs: MemoryLogStore, _ store: SimulatedStore, _ storeID: UInt64
  ) throws -> [Replica] {
    var found: [Replica] = []
    let range = KeyLayout.regionStateRange
    for pair in try engine.scan(.raft, from: range.start, to: range.end) {
      let id = try KeyLayout.decodeRegionState(pair.key)
      let apply = try engine.get(.raft, KeyLayout.applyState(regionID: id))
      var replica = Replica(
        regionID: id, local: try RegionLocalState(decoding: pair.value),
        apply: try apply.map { try ApplyState(decoding: $0) }, hardState: HardState())
      if replica.local?.state == .unavailable,
        let lost = try engine.get(.raft, KeyLayout.snapshotRaftState(regionID: id))
      {
        replica.lostIndex = try RaftLocalState(decoding: lost).lastIndex
      }
      replica.isFenced = try engine.get(.raft, KeyLayout.damage(regionID: id)) != nil
      found.append(replica)
    }
    for id in logs.regions() where !found.contains(where: { $0.regionID == id }) {
      found.append(Replica(regionID: id, hardState: HardState()))
    }
    for index in found.indices {
      let id = found[index].regionID
      found[index].hardState = logs.hardState(id)
      found[index].log = try bounds(logs, id)
      found[index].peerID = peerID(found[index].local, store, storeID, id)
    }
    return found.sorted { $0.regionID < $1.regionID }
  }

  private static func bounds(
    _ logs: MemoryLogStore, _ region: UInt64
  ) throws(LogStoreError) -> LogBounds? {
    guard logs.regions().contains(region) else { return nil }
    let (index, term) = logs.truncated(region)
    let last = logs.lastIndex(region)
    return LogBounds(
      truncatedIndex: index, truncatedTerm: term, lastIndex: last,
      lastTerm: try logs.term(region, at: last))
  }

  /// From the running process, else from the region's record, if that has a peer on the store.
  private static func peerID(
    _ local: RegionLocalState?, _ store: SimulatedStore, _ storeID: UInt64, _ region: UInt64
  ) -> UInt64? {
    if let running = store.store { return running.meta.delegate(region)?.peerID }
    guard let local, local.state != .tombstone else { return nil }
    return local.region.peer(onStore: storeID)?.id
  }
}
