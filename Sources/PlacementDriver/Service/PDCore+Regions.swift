package import Codec

extension PDCore {
  // MARK: One region

  /// The region that holds `key`; nil when PD knows none.
  package func region(containing key: [UInt8]) throws(PDError) -> RegionSummary? {
    try requireBootstrapped()
    return regions.record(containing: key).map(RegionSummary.init)
  }

  /// The region that ends where the one that holds `key` begins; nil when PD knows none.
  package func region(beforeThatOf key: [UInt8]) throws(PDError) -> RegionSummary? {
    try requireBootstrapped()
    return regions.record(beforeThatOf: key).map(RegionSummary.init)
  }

  /// The region of this id; nil when PD knows none. Id 0 is refused.
  package func region(id: UInt64) throws(PDError) -> RegionSummary? {
    try requireBootstrapped()
    guard id != 0 else { throw PDError(refusal: .unknown, "invalid region id 0") }
    return regions.record(id: id).map(RegionSummary.init)
  }

  // MARK: Many regions

  /// Regions that hold keys of `range`, in key order; gaps are passed over.
  ///
  /// - Parameters:
  ///   - limit: of regions; 0 or less is none.
  ///   - copies: how often the response names each region. Refused when it would exceed the limit in bytes.
  package func scanRegions(
    in range: KeyRange, limit: Int32 = 0, copies: Int = 1
  ) throws(PDError) -> [RegionSummary] {
    try requireBootstrapped()
    var budget = RegionReplyBudget(config.limits, copies: copies)
    let found = regions.records(in: range, limit: min(bound(limit), budget.tooMany))
    try budget.take(found)
    return found.map(RegionSummary.init)
  }

  /// Regions that hold keys of `ranges`, each region once, in key order.
  ///
  /// - Parameters:
  ///   - ranges: ascending and without overlaps; others are refused.
  ///   - limit: of regions; 0 or less is none.
  ///   - mustCover: whether to refuse when a key of the ranges lies in no region, up to the limit.
  package func scanRegions(
    in ranges: [KeyRange], limit: Int32, mustCover: Bool
  ) throws(PDError) -> [RegionSummary] {
    try requireBootstrapped()
    try check(ranges)
    var found: [RegionRecord] = []
    var budget = RegionReplyBudget(config.limits)
    let limit = min(bound(limit), budget.tooMany)
    for range in ranges where found.count < limit {
      // One more than needed: the first may be the last of the range before.
      let more = min(limit - found.count, .max - 1) + 1
      var next = regions.records(in: range, limit: more)
      let isCut = next.count == more
      if mustCover, !covers(next, range, isCut) {
        throw PDError(
          refusal: .regionsNotContainAllKeyRange, "regions do not cover \(range) without gaps")
      }
      if let last = found.last, next.first?.id == last.id { next.removeFirst() }
      found += next.prefix(limit - found.count)
    }
    try budget.take(found)
    return found.map(RegionSummary.init)
  }

  private func bound(_ limit: Int32) -> Int { limit <= 0 ? .max : Int(limit) }

  private func check(_ ranges: [KeyRange]) throws(PDError) {
    for (index, range) in ranges.enumerated() {
      guard range.end.isEmpty || !precedes(range.end, range.start) else {
        throw PDError(
          refusal: .unknown, "invalid key range \(range), start key is after end key")
      }
      guard index > 0 else { continue }
      let previous = ranges[index - 1]
      guard !previous.end.isEmpty, !precedes(range.start, previous.end) else {
        throw PDError(
          refusal: .unknown,
          "invalid key ranges, \(previous) and \(range) overlap or are unordered")
      }
    }
  }

  /// Whether the regions leave no key of the range out, up to where a limit cut them off.
  private func covers(_ found: [RegionRecord], _ range: KeyRange, _ isCut: Bool) -> Bool {
    guard let first = found.first, let last = found.last else { return false }
    guard !precedes(range.start, first.region.startKey) else { return false }
    for (left, right) in zip(found, found.dropFirst())
    where left.region.endKey != right.region.startKey { return false }
    if isCut || last.region.endKey.isEmpty { return true }
    return !range.end.isEmpty && !precedes(last.region.endKey, range.end)
  }

  /// Many lookups at once.
  ///
  /// - Parameters:
  ///   - keys: regions that hold these are found.
  ///   - previousKeys: regions before those that hold these are found.
  ///   - ids: of further regions. All three together are limited in number.
  package func queryRegions(
    keys: [[UInt8]], previousKeys: [[UInt8]], ids: [UInt64]
  ) throws(PDError) -> RegionQueryResult {
    try requireBootstrapped()
    let count = keys.count + previousKeys.count + ids.count
    guard count <= config.limits.queries else {
      throw PDError(
        refusal: .invalidValue,
        "\(count) keys and ids at once, more than \(config.limits.queries)")
    }
    var budget = RegionReplyBudget(config.limits)
    var result = RegionQueryResult()
    func note(_ record: RegionRecord?) throws(PDError) -> UInt64 {
      guard let record else { return 0 }
      if result.regions[record.id] == nil {
        try budget.take(record)
        result.regions[record.id] = RegionSummary(record)
      }
      return record.id
    }
    for key in keys { result.keyIDs.append(try note(regions.record(containing: key))) }
    for key in previousKeys {
      result.previousKeyIDs.append(try note(regions.record(beforeThatOf: key)))
    }
    for id in ids { _ = try note(regions.record(id: id)) }
    return result
  }

  // MARK: Operators

  /// Regions that one call may name.
  static let maxScattered = 65_536

  /// Spreads regions over the stores, together with those that were scattered under the same group lately. A region
  /// that cannot be moved now is left as it is.
  ///
  /// - Returns: the ids that PD does not know, in the order given.
  package func scatterRegions(
    _ ids: [UInt64], group: String = "", _ reading: ClockReading
  ) throws(PDError) -> [UInt64] {
    try requireBootstrapped()
    guard ids.count <= Self.maxScattered else {
      throw PDError(
        refusal: .invalidValue,
        "\(ids.count) regions at once, more than \(Self.maxScattered)")
    }
    guard group.utf8.count <= ScatterGroups.maxNameBytes else {
      throw PDError(
        refusal: .invalidValue,
        "the group's name is longer than \(ScatterGroups.maxNameBytes) bytes")
    }
    var unknown: [UInt64] = []
    for id in ids {
      if let record = regions.record(id: id) {
        try scatter(record, group, reading)
      } else {
        unknown.append(id)
      }
    }
    return unknown
  }

  /// The same of one region, which PD must know.
  package func scatterRegion(
    _ id: UInt64, group: String = "", _ reading: ClockReading
  ) throws(PDError) {
    guard try scatterRegions([id], group: group, reading).isEmpty else {
      throw PDError(refusal: .regionNotFound, "region \(id) not found")
    }
  }

  private func scatter(
    _ record: RegionRecord, _ group: String, _ reading: ClockReading
  ) throws(PDError) {
    let scatterer = RegionScatterer(view: view(at: reading.now))
    guard let plan = scatterer.plan(record, group, &scatterGroups) else { return }
    _ = try create(plan, record, reading.now)
  }

  /// The operator that runs on a region or, if none does, the last one while PD remembers it.
  package func operatorReport(regionID: UInt64) throws(PDError) -> OperatorReport {
    try requireBootstrapped()
    if let running = operators[regionID] {
      return OperatorReport(
        kind: running.kindText, description: running.description, status: .running)
    }
    guard let ended = operators.ended(regionID) else {
      throw PDError(refusal: .regionNotFound, "no operator on region \(regionID)")
    }
    return OperatorReport(
      kind: ended.operation.kindText, description: ended.operation.description,
      status: ended.status)
  }
}

/// What many lookups found.
package struct RegionQueryResult: Sendable, Hashable {
  /// The region of each key, in the order of the keys; 0 where PD knows none.
  package var keyIDs: [UInt64] = []
  package var previousKeyIDs: [UInt64] = []
  /// Every region found, by its id.
  package var regions: [UInt64: RegionSummary] = [:]
}

/// An operator on a region: how far it is, or how it ended.
package struct OperatorReport: Sendable, Hashable {
  /// The scheduler that created it, for people.
  package var kind: String
  package var description: String
  package var status: OperatorStatus
}
