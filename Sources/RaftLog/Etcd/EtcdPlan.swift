import Raft

/// The effective changes of a batch, by region, and the indexes after it. A plan that throws is dropped and has changed
/// nothing.
struct EtcdPlan {
  /// One change of a region.
  enum Change {
    /// Not empty.
    case append(ArraySlice<Entry>)
    case hardState(HardState)
    case compact(index: UInt64, term: UInt64)
    /// With the hard state of the region after it.
    case reset(index: UInt64, term: UInt64, HardState)
    case put(key: [UInt8], value: [UInt8])
    case delete(key: [UInt8])
    case destroy(tombstone: [UInt8]?)
  }

  /// What the rules of a batch depend on.
  struct Region {
    /// Nil: there is no log.
    var index: RegionIndex?
    var hasTombstone = false
    /// Why the log cannot be read; nil: it can.
    var damage: String?
  }

  /// The changed regions as they are after the operations so far.
  private(set) var after: [UInt64: Region] = [:]
  private(set) var changes: [UInt64: [Change]] = [:]
  private let before: (UInt64) -> Region

  /// - Parameter before: a region as it is before the batch.
  init(before: @escaping (UInt64) -> Region) {
    self.before = before
  }

  /// The changed regions, ascending.
  var regions: [UInt64] { changes.keys.sorted() }

  /// Adds all operations. Throws if one breaks a rule of `LogBatch`.
  mutating func add(_ batch: LogBatch) throws(LogStoreError) {
    for operation in batch.operations { try add(operation) }
    for (id, region) in after.sorted(by: { $0.key < $1.key }) {
      try region.index?.checkCommit(id)
    }
  }

  private mutating func add(_ operation: LogBatch.Operation) throws(LogStoreError) {
    let id = operation.region
    var region = after[id] ?? before(id)
    if case .destroy(_, let tombstone) = operation {
      guard
        region.index != nil || region.hasTombstone || region.damage != nil || tombstone != nil
      else { return }
      changes[id, default: []].append(.destroy(tombstone: tombstone))
      after[id] = Region(index: nil, hasTombstone: tombstone != nil)
      return
    }
    if let damage = region.damage { throw .corrupted(location: "region \(id)", reason: damage) }
    guard let change = try change(operation, &region) else { return }
    region.hasTombstone = false
    after[id] = region
    changes[id, default: []].append(change)
  }

  /// The change that an operation makes; nil if it has no effect.
  private func change(
    _ operation: LogBatch.Operation, _ region: inout Region
  ) throws(LogStoreError) -> Change? {
    var index = region.index ?? RegionIndex()
    var change: Change?
    switch operation {
    case .append(let id, let entries):
      let kept = try index.append(id, entries)
      if !kept.isEmpty { change = .append(kept) }
    case .setHardState(let id, let state):
      guard region.index != nil || !state.isEmpty else { return nil }
      if try index.set(id, state) { change = .hardState(state) }
    case .compact(let id, let to, let term):
      if try index.compact(id, to: to, term: term) { change = .compact(index: to, term: term) }
    case .reset(let id, let to, let term, let state):
      try index.reset(id, to: to, term: term, state)
      change = .reset(index: to, term: term, index.hardState)
    case .put(let id, let key, let value):
      try LogRules.checkKey(id, key)
      change = .put(key: key, value: value)
    case .delete(_, let key):
      if region.index != nil { change = .delete(key: key) }
    case .destroy: break
    }
    if change != nil { region.index = index }
    return change
  }
}
