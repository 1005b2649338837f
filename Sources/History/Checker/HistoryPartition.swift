/// A history divided by key. A history of registers is linearizable if that of each register is (Herlihy and Wing 1990).
///
/// Calls that constrain nothing have no access: failed ones, and reads without a response.
struct HistoryPartition {
  /// Why a history cannot be divided.
  enum Problem: Error {
    /// A response that is wrong whatever the store contains.
    case violation(Violation)
    /// The history contradicts itself.
    case invalid(String)
  }

  /// All keys of the history and of the initial state, sorted.
  let keys: [[UInt8]]
  /// Grouped by key, and within a key in the order of the history.
  private(set) var accesses: [KeyAccess] = []
  /// The start of each key's accesses in `accesses`, and the end of the last.
  private var offsets: [Int] = []

  private let indexes: [[UInt8]: Int32]

  init(_ history: [Operation], initial: [[UInt8]: [UInt8]]) throws(Problem) {
    keys = Self.allKeys(history, initial)
    var indexes: [[UInt8]: Int32] = [:]
    indexes.reserveCapacity(keys.count)
    for (index, key) in keys.enumerated() { indexes[key] = Int32(index) }
    self.indexes = indexes
    accesses.reserveCapacity(history.count)
    for (index, operation) in history.enumerated() {
      try Self.checkRecord(operation)
      try split(operation, call: Int32(index))
    }
    groupByKey()
  }

  func accesses(of key: Int) -> ArraySlice<KeyAccess> {
    accesses[offsets[key]..<offsets[key + 1]]
  }

  /// Counting sort: stable, so a key's accesses stay in the order of the history.
  private mutating func groupByKey() {
    offsets = .init(repeating: 0, count: keys.count + 1)
    for access in accesses { offsets[Int(access.key) + 1] += 1 }
    for key in keys.indices { offsets[key + 1] += offsets[key] }
    var next = offsets
    var grouped = accesses
    for access in accesses {
      grouped[next[Int(access.key)]] = access
      next[Int(access.key)] += 1
    }
    accesses = grouped
  }

  // MARK: Keys

  private static func allKeys(
    _ history: [Operation], _ initial: [[UInt8]: [UInt8]]
  ) -> [[UInt8]] {
    var keys = Set(initial.keys)
    for operation in history {
      switch operation.call {
      case .get(let key), .put(let key, _), .delete(let key), .compareAndSwap(let key, _, _):
        keys.insert(key)
      case .batchGet(let requested), .batchDelete(let requested): keys.formUnion(requested)
      case .batchPut(let pairs): for pair in pairs { keys.insert(pair.key) }
      case .scan, .deleteRange: break
      }
      if case .scan = operation.call, case .found(let pairs) = operation.outcome {
        for pair in pairs { keys.insert(pair.key) }
      }
    }
    return keys.sorted { $0.lexicographicallyPrecedes($1) }
  }

  private func index(of key: [UInt8]) -> Int32 {
    indexes[key, default: KeyAccess.absence]
  }

  /// The keys in `[start, end)`, an empty one being no bound.
  private func range(_ start: [UInt8], _ end: [UInt8]) -> Range<Int> {
    let low = start.isEmpty ? 0 : lowerBound(start)
    let high = end.isEmpty ? keys.count : lowerBound(end)
    return low..<max(low, high)
  }

  private func lowerBound(_ key: [UInt8]) -> Int {
    var low = 0
    var high = keys.count
    while low < high {
      let middle = (low + high) / 2
      if keys[middle].lexicographicallyPrecedes(key) {
        low = middle + 1
      } else {
        high = middle
      }
    }
    return low
  }

  // MARK: Dividing a call

  private static func checkRecord(_ operation: Operation) throws(Problem) {
    func invalid(_ reason: String) -> Problem {
      .invalid("call \(operation.id): \(reason)")
    }
    try checkSwap(operation)
    switch (operation.outcome, operation.call.isRead) {
    case (.done, true): throw invalid("a read with outcome done")
    case (.found, false): throw invalid("a write with outcome found")
    case (.done, false), (.found, true):
      guard operation.end != nil else { throw invalid("a response without an end") }
    case (.failed, _), (.unknown, _), (.swapped, _): break
    }
    if let end = operation.end, end < operation.start {
      throw invalid("it ends before it starts")
    }
  }

  /// A swap has an outcome of its own, which must agree with its own comparison.
  private static func checkSwap(_ operation: Operation) throws(Problem) {
    guard case .compareAndSwap(let key, let expected, _) = operation.call else {
      if case .swapped = operation.outcome {
        throw .invalid("call \(operation.id): another call than a swap with outcome swapped")
      }
      return
    }
    switch operation.outcome {
    case .done, .found: throw .invalid("call \(operation.id): a swap with another outcome")
    case .failed, .unknown: break
    case .swapped(let succeeded, let previous):
      guard operation.end != nil else {
        throw .invalid("call \(operation.id): a response without an end")
      }
      guard succeeded == (previous == expected) else {
        throw .violation(Violation(key: key, operations: [operation]))
      }
    }
  }

  private mutating func split(_ operation: Operation, call: Int32) throws(Problem) {
    if operation.outcome == .failed { return }
    switch operation.call {
    case .put(let key, _):
      write(index(of: key), call: call, item: 0)
    case .delete(let key):
      write(index(of: key), call: call, item: KeyAccess.absence)
    case .compareAndSwap(let key, _, _):
      // One that has found another value is a read.
      if case .swapped(succeeded: false, _) = operation.outcome {
        read(index(of: key), call: call, item: 0)
      } else {
        write(index(of: key), call: call, item: 0)
      }
    case .batchPut(let pairs):
      for (item, pair) in pairs.enumerated() {
        write(index(of: pair.key), call: call, item: Int32(item))
      }
    case .batchDelete(let keys):
      for key in keys { write(index(of: key), call: call, item: KeyAccess.absence) }
    case .deleteRange(let start, let end):
      for key in range(start, end) { write(Int32(key), call: call, item: KeyAccess.absence) }
    case .get(let key):
      guard case .found(let pairs) = operation.outcome else { return }
      try splitBatchGet(operation, requested: [key], found: pairs, call: call)
    case .batchGet(let keys):
      guard case .found(let pairs) = operation.outcome else { return }
      try splitBatchGet(operation, requested: keys, found: pairs, call: call)
    case .scan(let start, let end, let limit, let isReverse):
      guard case .found(let pairs) = operation.outcome else { return }
      try checkScan(operation, start, end, limit, isReverse, pairs)
      splitScan(range(start, end), limit, isReverse, pairs, call: call)
    }
  }

  private mutating func write(_ key: Int32, call: Int32, item: Int32) {
    accesses.append(KeyAccess(key: key, call: call, item: item, isWrite: true))
  }

  private mutating func read(_ key: Int32, call: Int32, item: Int32) {
    accesses.append(KeyAccess(key: key, call: call, item: item, isWrite: false))
  }

  /// A pair of a key that was not requested, or more pairs of a key than were requested, is a violation.
  private mutating func splitBatchGet(
    _ operation: Operation, requested: [[UInt8]], found: [Pair], call: Int32
  ) throws(Problem) {
    let requested = requested.map(index).sorted()
    let order = found.indices.map { (key: index(of: found[$0].key), item: $0) }
      .sorted { ($0.key, $0.item) < ($1.key, $1.item) }
    var next = 0
    var position = 0
    while position < requested.count {
      let key = requested[position]
      var times = 0
      while position < requested.count, requested[position] == key {
        position += 1
        times += 1
      }
      let first = next
      while next < order.count, order[next].key == key, next - first < times {
        read(key, call: call, item: Int32(order[next].item))
        next += 1
      }
      if next == first { read(key, call: call, item: KeyAccess.absence) }
      if next < order.count, order[next].key <= key { break }
    }
    if next < order.count {
      throw .violation(Violation(key: found[order[next].item].key, operations: [operation]))
    }
  }

  /// Pairs outside the bounds, above the limit, out of order or duplicate are a violation whatever the store contains.
  private func checkScan(
    _ operation: Operation, _ start: [UInt8], _ end: [UInt8], _ limit: Int, _ isReverse: Bool,
    _ pairs: [Pair]
  ) throws(Problem) {
    for (item, pair) in pairs.enumerated() {
      let isInside =
        !pair.key.lexicographicallyPrecedes(start)
        && (end.isEmpty || pair.key.lexicographicallyPrecedes(end))
      var isInOrder = true
      if item > 0 {
        let before = pairs[item - 1].key
        isInOrder =
          isReverse
          ? pair.key.lexicographicallyPrecedes(before)
          : before.lexicographicallyPrecedes(pair.key)
      }
      guard isInside, isInOrder, item < limit else {
        throw .violation(Violation(key: pair.key, operations: [operation]))
      }
    }
  }

  /// A scan that has reached its limit does not constrain the keys after its last pair.
  private mutating func splitScan(
    _ range: Range<Int>, _ limit: Int, _ isReverse: Bool, _ pairs: [Pair], call: Int32
  ) {
    guard limit > 0 else { return }
    var range = range
    if pairs.count >= limit, let last = pairs.last {
      let edge = Int(index(of: last.key))
      range = isReverse ? edge..<range.upperBound : range.lowerBound..<(edge + 1)
    }
    var item = isReverse ? pairs.count - 1 : 0
    let step = isReverse ? -1 : 1
    for key in range {
      if pairs.indices.contains(item), index(of: pairs[item].key) == Int32(key) {
        read(Int32(key), call: call, item: Int32(item))
        item += step
      } else {
        read(Int32(key), call: call, item: KeyAccess.absence)
      }
    }
  }
}
