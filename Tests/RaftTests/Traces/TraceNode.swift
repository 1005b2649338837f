import Raft

/// The memory storage of a traced node; what it offers as snapshot is the state machine's latest.
final class TraceStorage: LogStorage {
  let log = MemoryStorage()
  /// Never empty.
  var history: [Snapshot]

  init(_ first: Snapshot) {
    history = [first]
  }

  var latest: Snapshot { history[history.count - 1] }

  func initialState() throws(LogStorageError) -> (HardState, ConfState) { try log.initialState() }

  func entries(
    from lo: UInt64, to hi: UInt64, maxSize: UInt64
  ) throws(LogStorageError) -> [Entry] {
    try log.entries(from: lo, to: hi, maxSize: maxSize)
  }

  func term(at index: UInt64) throws(LogStorageError) -> UInt64 { try log.term(at: index) }

  func firstIndex() -> UInt64 { log.firstIndex() }

  func lastIndex() -> UInt64 { log.lastIndex() }

  func snapshot() throws(LogStorageError) -> Snapshot { latest }
}

/// A node of a traced cluster with the work queues of its storage threads.
final class TraceNode {
  var raw: RawNode<TraceStorage>
  let storage: TraceStorage
  let config: Config
  var appendWork: [Message] = []
  var applyWork: [Message] = []

  init(config: Config, first: Snapshot) throws {
    storage = TraceStorage(first)
    if first != Snapshot() {
      guard first.metadata.index > 1 else {
        throw TraceError("index must be specified as > 1 due to bootstrap")
      }
      var snapshot = first
      snapshot.metadata.term = 1
      storage.history = [snapshot]
      try storage.log.applySnapshot(snapshot)
      let (found, wanted) = (storage.log.firstIndex(), snapshot.metadata.index + 1)
      guard found == wanted else {
        throw TraceError("failed to establish first index \(wanted); got \(found)")
      }
    }
    self.config = config
    raw = try RawNode(config: config, storage: storage)
  }

  /// Stores what a ready or an append message holds.
  func store(_ state: HardState?, _ snapshot: Snapshot?, _ entries: [Entry]) throws {
    if let state, !state.isEmpty { storage.log.setHardState(state) }
    if let snapshot, !snapshot.isEmpty {
      guard entries.isEmpty else {
        throw TraceError("can't apply snapshot and entries at the same time")
      }
      try storage.log.applySnapshot(snapshot)
    } else {
      try storage.log.append(entries)
    }
  }

  /// The state machine: a string of bytes that grows.
  func apply(_ entries: [Entry]) throws {
    for entry in entries {
      var snapshot = storage.latest
      switch entry.type {
      case .normal:
        snapshot.data += entry.data
      case .confChange:
        let change = try ConfChange(decoding: entry.data)
        snapshot.data += change.context
        snapshot.metadata.confState = try raw.applyConfChange(change)
      case .confChangeV2:
        let change = try ConfChangeV2(decoding: entry.data)
        snapshot.data += change.context
        snapshot.metadata.confState = try raw.applyConfChange(change)
      }
      snapshot.metadata.index = entry.index
      snapshot.metadata.term = entry.term
      storage.history.append(snapshot)
    }
  }
}
