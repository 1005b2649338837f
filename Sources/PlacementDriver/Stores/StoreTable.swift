import Codec

/// All stores ever registered, ascending by id.
struct StoreTable {
  private(set) var records: [StoreRecord] = []

  subscript(id: UInt64) -> StoreRecord? {
    position(of: id).map { records[$0] }
  }

  mutating func put(_ record: StoreRecord) {
    let place = place(of: record.id)
    if place < records.count, records[place].id == record.id {
      records[place] = record
    } else {
      records.insert(record, at: place)
    }
  }

  /// Changes a known store where it stands; false when it is not known.
  @discardableResult
  mutating func update(_ id: UInt64, _ change: (inout StoreRecord) -> Void) -> Bool {
    guard let position = position(of: id) else { return false }
    change(&records[position])
    return true
  }

  /// The store other than `id` that holds `address` by right: tombstones and destroyed ones have
  /// none any more. Of several (all but one are elsewhere by now) the one heard from last.
  func holder(ofAddress address: String, besides id: UInt64) -> StoreRecord? {
    let holders = records.filter {
      $0.id != id && $0.info.address == address && $0.info.state != .tombstone
        && !$0.info.physicallyDestroyed && $0.claim == nil
    }
    return holders.max {
      ($0.hasHeartbeat ? 1 : 0, $0.lastSeen) < ($1.hasHeartbeat ? 1 : 0, $1.lastSeen)
    }
  }

  private func position(of id: UInt64) -> Int? {
    let place = place(of: id)
    return place < records.count && records[place].id == id ? place : nil
  }

  private func place(of id: UInt64) -> Int {
    var low = 0
    var high = records.count
    while low < high {
      let middle = (low + high) / 2
      if records[middle].id < id { low = middle + 1 } else { high = middle }
    }
    return low
  }
}
