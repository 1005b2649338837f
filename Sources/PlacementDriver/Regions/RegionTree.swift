import Codec

/// All known regions, by id and by start key. Ranges never overlap; there may be gaps while the
/// heartbeats of a split arrive out of order.
struct RegionTree {
  private struct Entry {
    var startKey: [UInt8]
    var id: UInt64
  }

  /// Ascending by start key.
  private var order: [Entry] = []
  /// Only looked up by key; whatever is in order comes from `order`.
  private var records: [UInt64: RegionRecord] = [:]
  private var loads: [UInt64: StoreLoad] = [:]
  /// Only looked up by key.
  private var placements: [UInt64: StoreRegions] = [:]
  /// Regions of which a leader is known.
  private(set) var ledCount = 0

  var count: Int { order.count }

  /// The record at a position in key order.
  subscript(position: Int) -> RegionRecord? { records[order[position].id] }

  /// Every region in key order.
  var all: some Sequence<RegionRecord> { order.lazy.compactMap { records[$0.id] } }

  func load(ofStore id: UInt64) -> StoreLoad { loads[id] ?? StoreLoad() }

  func regions(ofStore id: UInt64) -> StoreRegions { placements[id] ?? StoreRegions() }

  // MARK: Looking up

  func record(id: UInt64) -> RegionRecord? { records[id] }

  /// The region that holds `key`.
  func record(containing key: [UInt8]) -> RegionRecord? {
    position(containing: key).flatMap { self[$0] }
  }

  /// The region that ends where the one that holds `key` begins.
  func record(beforeThatOf key: [UInt8]) -> RegionRecord? {
    guard let position = position(containing: key), position > 0 else { return nil }
    guard let previous = self[position - 1], previous.region.endKey == order[position].startKey
    else { return nil }
    return previous
  }

  /// The region that begins where this one ends.
  func record(afterThatOf region: Region) -> RegionRecord? {
    guard !region.endKey.isEmpty, let next = record(containing: region.endKey),
      next.region.startKey == region.endKey
    else { return nil }
    return next
  }

  /// Regions that hold keys of `range`, in key order, at most `limit`.
  func records(in range: KeyRange, limit: Int = .max) -> [RegionRecord] {
    var found: [RegionRecord] = []
    var position = position(containing: range.start) ?? firstPosition(notBefore: range.start)
    while position < order.count, found.count < limit {
      guard range.end.isEmpty || precedes(order[position].startKey, range.end) else { break }
      if let record = self[position] { found.append(record) }
      position += 1
    }
    return found
  }

  // MARK: Changing

  /// The known regions that make a report of `region` stale; none if it is new or a repetition.
  ///
  /// A known region may not go back in epoch, nor its leader in term; a region that covers others
  /// may not be older than they are, for then they are its own split-off parts.
  func conflicts(with region: Region, term: UInt64) -> [RegionRecord] {
    let known = records[region.id]
    var found: [RegionRecord] = []
    if known?.region.range != region.range {
      found = records(in: region.range).filter {
        $0.id != region.id && region.epoch.version < $0.region.epoch.version
      }
    }
    guard let known else { return found }
    let isTermBehind = term != 0 && term < known.term
    if isTermBehind || region.epoch.isStale(comparedTo: known.region.epoch) { found.append(known) }
    return found
  }

  /// Inserts or replaces a record and returns the ids of the regions that it overlapped, which are removed.
  mutating func put(_ record: RegionRecord) -> [UInt64] {
    var removed: [UInt64] = []
    for other in records(in: record.region.range) where other.id != record.id {
      remove(id: other.id)
      removed.append(other.id)
    }
    let before = records[record.id]
    if let old = before {
      account(old, adding: false)
      if old.region.startKey != record.region.startKey { removeEntry(of: old) }
    }
    if records[record.id]?.region.startKey != record.region.startKey {
      let entry = Entry(startKey: record.region.startKey, id: record.id)
      order.insert(entry, at: firstPosition(notBefore: record.region.startKey))
    }
    records[record.id] = record
    account(record, adding: true)
    place(record.id, before, record)
    return removed
  }

  mutating func remove(id: UInt64) {
    guard let record = records.removeValue(forKey: id) else { return }
    account(record, adding: false)
    place(id, record, nil)
    removeEntry(of: record)
  }

  // MARK: Inside

  private mutating func removeEntry(of record: RegionRecord) {
    let position = firstPosition(notBefore: record.region.startKey)
    precondition(order[position].id == record.id, "the region index lost region \(record.id)")
    order.remove(at: position)
  }

  /// Moves a region between the sets of stores; a heartbeat that changes nothing costs nothing.
  private mutating func place(_ id: UInt64, _ old: RegionRecord?, _ new: RegionRecord?) {
    let (from, to) = (old?.leader?.storeID, new?.leader?.storeID)
    if from != to {
      if let from { placements[from]?.leaders.remove(id) }
      if let to { placements[to, default: StoreRegions()].leaders.insert(id) }
    }
    let (before, after) = (old?.region.peers ?? [], new?.region.peers ?? [])
    for peer in before where !after.contains(where: { $0.storeID == peer.storeID }) {
      placements[peer.storeID]?.peers.remove(id)
      if placements[peer.storeID]?.peers.count == 0 { placements[peer.storeID] = nil }
    }
    for peer in after where !before.contains(where: { $0.storeID == peer.storeID }) {
      placements[peer.storeID, default: StoreRegions()].peers.insert(id)
    }
  }

  private mutating func account(_ record: RegionRecord, adding: Bool) {
    let sign = adding ? 1 : -1
    if let leader = record.leader {
      ledCount += sign
      loads[leader.storeID, default: StoreLoad()].leaders += sign
      change(
        &loads[leader.storeID, default: StoreLoad()].leaderSize, record.approximateSize, adding)
      change(&loads[leader.storeID, default: StoreLoad()].readRate, record.read.rate, adding)
      change(&loads[leader.storeID, default: StoreLoad()].writeRate, record.written.rate, adding)
    }
    for peer in record.region.peers {
      loads[peer.storeID, default: StoreLoad()].peers += sign
      change(&loads[peer.storeID, default: StoreLoad()].size, record.approximateSize, adding)
      let balanced = StoreLoad.balanced(record.approximateSize)
      change(&loads[peer.storeID, default: StoreLoad()].balancedSize, balanced, adding)
    }
    for peer in record.pendingPeers {
      loads[peer.storeID, default: StoreLoad()].pendingPeers += sign
    }
    guard !adding else { return }
    // Store ids come from heartbeats: only those that a region names are kept.
    for peer in record.region.peers where loads[peer.storeID] == StoreLoad() {
      loads[peer.storeID] = nil
    }
  }

  private func change(_ size: inout UInt64, _ bytes: UInt64, _ adding: Bool) {
    // Estimates come from outside: wrapping both ways keeps the sum right whatever they are.
    size = adding ? size &+ bytes : size &- bytes
  }

  private func change(_ sum: inout RegionFlow, _ flow: RegionFlow, _ adding: Bool) {
    sum = adding ? sum &+ flow : sum &- flow
  }

  /// The position of the first region that starts at or after `key`.
  private func firstPosition(notBefore key: [UInt8]) -> Int {
    var low = 0
    var high = order.count
    while low < high {
      let middle = (low + high) / 2
      if precedes(order[middle].startKey, key) { low = middle + 1 } else { high = middle }
    }
    return low
  }

  private func position(containing key: [UInt8]) -> Int? {
    var position = firstPosition(notBefore: key)
    if position == order.count || order[position].startKey != key { position -= 1 }
    guard position >= 0, let record = self[position], record.region.contains(key) else {
      return nil
    }
    return position
  }
}
