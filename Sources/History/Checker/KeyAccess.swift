/// What one call did to one key, or saw of it. A call on several keys is several accesses: no store
/// that spreads its keys over regions promises more than that each key's part happened at some moment
/// between start and end.
struct KeyAccess {
  /// The key's place in the order of all keys.
  var key: Int32
  /// The call's place in the history.
  var call: Int32
  /// Which of the call's pairs holds the value; -1: none, the key's absence was written or seen.
  var item: Int32
  var isWrite: Bool

  static let absence: Int32 = -1

  /// The value written or seen, nil for absence.
  func value(in history: [Operation]) -> [UInt8]? {
    guard item != Self.absence else { return nil }
    let operation = history[Int(call)]
    switch operation.call {
    case .put(_, let value): return value
    case .batchPut(let pairs): return pairs[Int(item)].value
    case .get, .batchGet, .scan, .delete, .batchDelete, .deleteRange:
      guard case .found(let pairs) = operation.outcome else { return nil }
      return pairs[Int(item)].value
    }
  }
}
