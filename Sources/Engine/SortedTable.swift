/// An ordered map of byte strings: sorted runs of bounded length, one after the other. A copy shares the runs with the
/// original until one of them is changed, so a snapshot is cheap.
struct SortedTable: Sendable {
  /// The position of a pair, valid until the table changes.
  struct Position: Hashable {
    var run: Int
    var slot: Int
  }

  private struct Run: Sendable {
    var keys: [[UInt8]] = []
    var values: [[UInt8]] = []
  }

  private static let maxRunLength = 128

  /// None is empty. Keys ascend within a run and from run to run.
  private var runs: [Run] = []
  private(set) var count = 0
  /// Bytes of all keys and values.
  private(set) var bytes = 0

  // MARK: Reading

  subscript(key: [UInt8]) -> [UInt8]? {
    guard let position = position(atOrAfter: key), self.key(at: position) == key else { return nil }
    return value(at: position)
  }

  func key(at position: Position) -> [UInt8] { runs[position.run].keys[position.slot] }
  func value(at position: Position) -> [UInt8] { runs[position.run].values[position.slot] }

  var first: Position? { runs.isEmpty ? nil : Position(run: 0, slot: 0) }

  var last: Position? {
    guard let run = runs.last else { return nil }
    return Position(run: runs.count - 1, slot: run.keys.count - 1)
  }

  /// The first key that is not below `key`.
  func position(atOrAfter key: [UInt8]) -> Position? {
    let run = Self.search(runs.count) { runs[$0].keys.last?.lexicographicallyPrecedes(key) == true }
    guard run < runs.count else { return nil }
    return Position(run: run, slot: slot(of: key, in: run))
  }

  /// The last key that is below `key`.
  func position(before key: [UInt8]) -> Position? {
    guard let position = position(atOrAfter: key) else { return last }
    return self.position(before: position)
  }

  func position(after position: Position) -> Position? {
    if position.slot + 1 < runs[position.run].keys.count {
      return Position(run: position.run, slot: position.slot + 1)
    }
    return position.run + 1 < runs.count ? Position(run: position.run + 1, slot: 0) : nil
  }

  func position(before position: Position) -> Position? {
    if position.slot > 0 { return Position(run: position.run, slot: position.slot - 1) }
    guard position.run > 0 else { return nil }
    return Position(run: position.run - 1, slot: runs[position.run - 1].keys.count - 1)
  }

  // MARK: Changing

  mutating func set(_ key: [UInt8], _ value: [UInt8]) {
    guard !runs.isEmpty else {
      runs.append(Run(keys: [key], values: [value]))
      count = 1
      bytes = key.count + value.count
      return
    }
    let position = position(atOrAfter: key)
    if let position, self.key(at: position) == key {
      bytes += value.count - runs[position.run].values[position.slot].count
      runs[position.run].values[position.slot] = value
      return
    }
    let run = position?.run ?? runs.count - 1
    let slot = position?.slot ?? runs[run].keys.count
    runs[run].keys.insert(key, at: slot)
    runs[run].values.insert(value, at: slot)
    count += 1
    bytes += key.count + value.count
    if runs[run].keys.count > Self.maxRunLength { split(run) }
  }

  mutating func remove(_ key: [UInt8]) {
    guard let position = position(atOrAfter: key), self.key(at: position) == key else { return }
    bytes -= key.count + runs[position.run].values[position.slot].count
    count -= 1
    runs[position.run].keys.remove(at: position.slot)
    runs[position.run].values.remove(at: position.slot)
    if runs[position.run].keys.isEmpty { runs.remove(at: position.run) }
  }

  /// Removes the keys in `[from, to)`.
  mutating func remove(from: [UInt8], to: [UInt8]) {
    var removed: [[UInt8]] = []
    var position = position(atOrAfter: from)
    while let here = position, key(at: here).lexicographicallyPrecedes(to) {
      removed.append(key(at: here))
      position = self.position(after: here)
    }
    for key in removed { remove(key) }
  }

  private mutating func split(_ run: Int) {
    let middle = runs[run].keys.count / 2
    let tail = Run(
      keys: Array(runs[run].keys[middle...]), values: Array(runs[run].values[middle...]))
    runs[run].keys.removeSubrange(middle...)
    runs[run].values.removeSubrange(middle...)
    runs.insert(tail, at: run + 1)
  }

  private func slot(of key: [UInt8], in run: Int) -> Int {
    Self.search(runs[run].keys.count) { runs[run].keys[$0].lexicographicallyPrecedes(key) }
  }

  /// The number of positions in `0..<count` for which `isBefore` holds. Binary search: they come first.
  private static func search(_ count: Int, _ isBefore: (Int) -> Bool) -> Int {
    var low = 0
    var high = count
    while low < high {
      let middle = (low + high) / 2
      if isBefore(middle) { low = middle + 1 } else { high = middle }
    }
    return low
  }
}
