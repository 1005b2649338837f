import History

/// Counters never go back: who reads one sees at least what was read or acknowledged before the read
/// began.
///
/// A write of unknown outcome may take effect at any later time, also after its writer has read the
/// counter again and gone on. From the first such write on a counter may go back, so no more is said.
enum CounterTally {
  /// The count, and what makes the value different from any other: a count may be written twice.
  static func value(_ count: Int, serial: Int) -> [UInt8] { Array("\(count) \(serial)".utf8) }

  /// What a read found; 0 when there was nothing.
  static func count(_ pairs: [Pair]) -> Int {
    guard let value = pairs.first?.value else { return 0 }
    return Int(String(decoding: value.prefix { $0 != UInt8(ascii: " ") }, as: UTF8.self)) ?? 0
  }

  private struct CounterObservation {
    var operation: Operation
    var end: UInt64
    var key: [UInt8]
    var count: Int
    var isRead: Bool
  }

  static func check(_ history: [Operation]) -> String? {
    let sights = history.compactMap(sight)
    for key in Set(sights.map(\.key)).sorted(by: { $0.lexicographicallyPrecedes($1) }) {
      let doubt = history.first { operation in
        guard case .put(key, _) = operation.call else { return false }
        return operation.outcome == .unknown
      }
      let certain = sights.filter { $0.key == key && $0.end < doubt?.start ?? .max }
      if let problem = fall(certain) { return problem }
    }
    return nil
  }

  private static func sight(_ operation: Operation) -> CounterObservation? {
    guard let end = operation.end else { return nil }
    switch (operation.call, operation.outcome) {
    case (.get(let key), .found(let pairs)):
      return CounterObservation(
        operation: operation, end: end, key: key, count: count(pairs), isRead: true)
    case (.put(let key, let value), .done):
      let pairs = [Pair(key: key, value: value)]
      return CounterObservation(
        operation: operation, end: end, key: key, count: count(pairs), isRead: false)
    default: return nil
    }
  }

  private static func fall(_ sights: [CounterObservation]) -> String? {
    let ended = sights.sorted { ($0.end, $0.operation.id) < ($1.end, $1.operation.id) }
    let begun = sights.filter(\.isRead).sorted { $0.operation.start < $1.operation.start }
    var rest = ended[...]
    var highest: CounterObservation?
    for read in begun {
      while let next = rest.first, next.end < read.operation.start {
        if next.count > highest?.count ?? 0 { highest = next }
        rest = rest.dropFirst()
      }
      guard let before = highest, read.count < before.count else { continue }
      return "call \(read.operation.id) read \(read.count) after call \(before.operation.id) had "
        + "\(before.isRead ? "read" : "written") \(before.count)"
    }
    return nil
  }
}
