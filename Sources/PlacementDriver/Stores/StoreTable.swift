import Codec

/// The stores that are known, ascending by id, and the ids of those that were removed for good.
struct StoreTable {
  private(set) var records: [StoreRecord] = []
  /// Tombstones without a record any more: their ids do not come back.
  private(set) var removed: Set<UInt64> = []
  /// The highest timestamp up to which all regions were resolved; 0: not known since the start.
  var minResolvedTS: UInt64 = 0

  subscript(id: UInt64) -> StoreRecord? {
    index(of: id).map { records[$0] }
  }

  mutating func put(_ record: StoreRecord) {
    let index = insertionIndex(of: record.id)
    if index < records.count, records[index].id == record.id {
      records[index] = record
    } else {
      records.insert(record, at: index)
    }
  }

  /// Forgets all of a store but that its id was used.
  mutating func remove(_ id: UInt64) {
    if let index = index(of: id) { records.remove(at: index) }
    removed.insert(id)
  }

  /// Changes a known store in place; false if it is not known.
  @discardableResult
  mutating func update(_ id: UInt64, _ change: (inout StoreRecord) -> Void) -> Bool {
    guard let index = index(of: id) else { return false }
    change(&records[index])
    return true
  }

  /// The store other than `id` that is registered at `address`; tombstones and destroyed stores are not. Of several,
  /// all but one of which have moved, the one with the last heartbeat.
  func holder(ofAddress address: String, besides id: UInt64) -> StoreRecord? {
    let holders = records.filter {
      $0.id != id && $0.info.address == address && $0.info.state != .tombstone
        && !$0.info.physicallyDestroyed && $0.claim == nil
    }
    return holders.max {
      ($0.hasHeartbeat ? 1 : 0, $0.lastSeen) < ($1.hasHeartbeat ? 1 : 0, $1.lastSeen)
    }
  }

  private func index(of id: UInt64) -> Int? {
    let index = insertionIndex(of: id)
    return index < records.count && records[index].id == id ? index : nil
  }

  private func insertionIndex(of id: UInt64) -> Int {
    var low = 0
    var high = records.count
    while low < high {
      let middle = (low + high) / 2
      if records[middle].id < id { low = middle + 1 } else { high = middle }
    }
    return low
  }
}
