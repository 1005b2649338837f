import History

/// Keys in couples of neighbours that are always written together.
///
/// What is promised: a batch is split by regions, and its part in one region is one log entry, applied
/// at once; a region's part of a batch get or of a scan is read from one state. Regions are cut at
/// `keyCount` / 1, 2, 3 or 4 and its multiples, all even: never inside a couple. So a call that reads both
/// keys of a couple in one call finds the same in both. Of different couples nothing is promised.
enum PairedKeys {
  static let keyCount = 24
  static let count = keyCount / 2

  static func keys(_ couple: Int) -> [[UInt8]] {
    [WorkloadKeys.key(2 * couple), WorkloadKeys.key(2 * couple + 1)]
  }

  /// From a couple on over so many, as far as there are.
  static func range(_ first: Int, _ couples: Int) -> (start: [UInt8], end: [UInt8]) {
    (
      WorkloadKeys.key(2 * first),
      WorkloadKeys.key(min(keyCount, 2 * (first + couples)))
    )
  }

  static func check(_ history: [Operation]) -> String? {
    for operation in history {
      guard case .found(let pairs) = operation.outcome else { continue }
      var found: [[UInt8]: [UInt8]] = [:]
      for pair in pairs { found[pair.key] = pair.value }
      for couple in 0..<count where covers(operation.call, couple, pairs.count) {
        let values = keys(couple).map { found[$0] }
        guard values[0] != values[1] else { continue }
        let texts = values.map { $0.map { String(decoding: $0, as: UTF8.self) } ?? "nothing" }
        return
          "call \(operation.id) found \(texts[0]) and \(texts[1]) under keys \(2 * couple) and "
          + "\(2 * couple + 1), which are only written together"
      }
    }
    return nil
  }

  /// Whether a call has read both keys of a couple.
  private static func covers(_ call: Call, _ couple: Int, _ found: Int) -> Bool {
    let keys = keys(couple)
    switch call {
    case .batchGet(let asked): return keys.allSatisfy(asked.contains)
    case .scan(let start, let end, let limit, _):
      // One that was cut off may end between the two.
      guard found < limit else { return false }
      return keys.allSatisfy {
        !$0.lexicographicallyPrecedes(start) && (end.isEmpty || $0.lexicographicallyPrecedes(end))
      }
    default: return false
    }
  }
}
