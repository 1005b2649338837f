/// A cursor over a copy of a table.
final class MemoryCursor: KVCursor {
  private let table: SortedTable
  private let lower: [UInt8]?
  private let upper: [UInt8]?
  private var position: SortedTable.Position?

  init(_ table: SortedTable, from lower: [UInt8]?, to upper: [UInt8]?) {
    self.table = table
    self.lower = lower
    self.upper = upper
  }

  var isValid: Bool { position != nil }

  func seekToFirst() {
    position = bounded(lower.map { table.position(atOrAfter: $0) } ?? table.first)
  }

  func seekToLast() {
    position = bounded(upper.map { table.position(before: $0) } ?? table.last)
  }

  func seek(_ key: [UInt8]) {
    if let lower, key.lexicographicallyPrecedes(lower) { return seekToFirst() }
    position = bounded(table.position(atOrAfter: key))
  }

  func seekForPrev(_ key: [UInt8]) {
    if let upper, !key.lexicographicallyPrecedes(upper) { return seekToLast() }
    if table[key] != nil {
      position = bounded(table.position(atOrAfter: key))
    } else {
      position = bounded(table.position(before: key))
    }
  }

  func next() {
    guard let here = position else { preconditionFailure("next() of a cursor that is at its end") }
    position = bounded(table.position(after: here))
  }

  func prev() {
    guard let here = position else { preconditionFailure("prev() of a cursor that is at its end") }
    position = bounded(table.position(before: here))
  }

  var key: [UInt8] { position.map { table.key(at: $0) } ?? [] }
  var value: [UInt8] { position.map { table.value(at: $0) } ?? [] }

  func withKey<R, E: Error>(_ body: (RawSpan) throws(E) -> R) throws(E) -> R {
    let key = key
    return try body(key.span.bytes)
  }

  func withValue<R, E: Error>(_ body: (RawSpan) throws(E) -> R) throws(E) -> R {
    let value = value
    return try body(value.span.bytes)
  }

  func finish() {}

  /// The position, unless it lies outside the bounds.
  private func bounded(_ position: SortedTable.Position?) -> SortedTable.Position? {
    guard let position else { return nil }
    let key = table.key(at: position)
    if let lower, key.lexicographicallyPrecedes(lower) { return nil }
    if let upper, !key.lexicographicallyPrecedes(upper) { return nil }
    return position
  }
}
