/// The read or write of one key by one call. A call on several keys is several accesses, each at some moment between
/// start and end.
struct KeyAccess {
  /// The index of the key in `HistoryPartition.keys`.
  var key: Int32
  /// The index of the call in the history.
  var call: Int32
  /// The index of the call's pair with the value; -1: the key was deleted or read as absent.
  var item: Int32
  var isWrite: Bool

  static let absence: Int32 = -1

  /// What the key must have had for the write to happen, nil in the inner optional: nothing. Nil: it depends on nothing.
  func expectation(in history: [Operation]) -> [UInt8]?? {
    guard isWrite, case .compareAndSwap(_, let expected, _) = history[Int(call)].call else {
      return nil
    }
    return .some(expected)
  }

  /// The value written or read; nil: absent.
  func value(in history: [Operation]) -> [UInt8]? {
    guard item != Self.absence else { return nil }
    let operation = history[Int(call)]
    switch operation.call {
    case .put(_, let value): return value
    case .batchPut(let pairs): return pairs[Int(item)].value
    case .compareAndSwap(_, _, let value):
      guard !isWrite else { return value }
      guard case .swapped(_, let previous) = operation.outcome else { return nil }
      return previous
    case .get, .batchGet, .scan, .delete, .batchDelete, .deleteRange:
      guard case .found(let pairs) = operation.outcome else { return nil }
      return pairs[Int(item)].value
    }
  }
}
