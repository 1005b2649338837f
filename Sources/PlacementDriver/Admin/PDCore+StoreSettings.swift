package import Codec
import Engine

/// Bounds of what administrators set on stores.
enum StoreWeights {
  static let range = 0.0...1_000_000.0
}

// What administrators set on stores.
extension PDCore {
  /// Sets labels of a store; others stay unless `isWhole`.
  package func setLabels(
    _ id: UInt64, _ labels: [StoreInfo.Label], isWhole: Bool = false
  ) throws(PDError) {
    var record = try existing(id)
    for label in labels {
      guard PDSetting.isLabelName(label.key), !label.value.isEmpty,
        PDSetting.isLabelName(label.value)
      else {
        throw PDError(
          .invalidArgument, "invalid label '\(label.key.prefix(64))=\(label.value.prefix(64))'")
      }
    }
    guard Set(labels.map(\.key)).count == labels.count else {
      throw PDError(.invalidArgument, "a label is named twice")
    }
    let kept =
      isWhole
      ? []
      : record.info.labels.filter { old in
        !labels.contains { $0.key == old.key }
      }
    record.info.labels = kept + labels
    try checkStoreSize(record.info)
    try save(record)
  }

  /// Removes a label of a store.
  package func removeLabel(_ id: UInt64, _ key: String) throws(PDError) {
    var record = try existing(id)
    guard record.info.labels.contains(where: { $0.key == key }) else {
      throw PDError(.notFound, "the label \(key.prefix(64)) does not exist")
    }
    record.info.labels.removeAll { $0.key == key }
    try save(record)
  }

  /// Sets the share of leaders and data that a store gets, relative to other stores.
  package func setWeights(_ id: UInt64, leader: Double, region: Double) throws(PDError) {
    var record = try existing(id)
    guard StoreWeights.range.contains(leader), StoreWeights.range.contains(region) else {
      throw PDError(.invalidArgument, "a weight must be 0 to \(Int(StoreWeights.range.upperBound))")
    }
    (record.leaderWeight, record.regionWeight) = (leader, region)
    try storage.put(PDKeys.weight(id), PDKeys.pair(leader, region))
    stores.put(record)
  }

  /// Sets how many peers a minute a store may get or lose.
  ///
  /// - Parameters:
  ///   - id: nil for every store that is not a tombstone.
  ///   - direction: `add-peer` or `remove-peer`; nil for both.
  package func setLimit(
    _ id: UInt64?, rate: Double, direction: String?
  ) throws(PDError) {
    let directions = StoreLimits.Direction.allCases.filter {
      direction == nil || $0.name == direction
    }
    guard !directions.isEmpty else {
      throw PDError(.invalidArgument, "unknown limit type; expected add-peer or remove-peer")
    }
    guard rate > 0, rate <= StoreLimits.unlimited else {
      throw PDError(
        .invalidArgument, "a rate must be above 0 and not above \(Int(StoreLimits.unlimited))")
    }
    try requireBootstrapped()
    let named = try id.map { (id) throws(PDError) in [try existing(id)] }
    for var record in named ?? stores.records.filter({ $0.info.state != .tombstone }) {
      for direction in directions { record.limits[direction] = rate }
      let (adding, removing) = (record.limits[.addPeer], record.limits[.removePeer])
      try storage.put(
        PDKeys.limit(record.id), PDKeys.pair(adding ?? .nan, removing ?? .nan))
      stores.put(record)
    }
  }

  /// Removes the records of tombstones on which no region has a peer. Returns how many were removed.
  ///
  /// Of such a store only the id is kept: what is left of its directory is refused if it registers again.
  package func removeTombstones() throws(PDError) -> Int {
    try requireBootstrapped()
    let removed = stores.records.filter {
      $0.info.state == .tombstone && regions.load(ofStore: $0.id).peers == 0
    }
    var batch = WriteBatch()
    for record in removed {
      batch.delete(.raft, PDKeys.store(record.id))
      batch.delete(.raft, PDKeys.claim(record.id))
      batch.delete(.raft, PDKeys.weight(record.id))
      batch.delete(.raft, PDKeys.limit(record.id))
      batch.put(.raft, PDKeys.removedStore(record.id), [])
    }
    guard !removed.isEmpty else { return 0 }
    try storage.write(batch)
    for record in removed { stores.remove(record.id) }
    return removed.count
  }
}
