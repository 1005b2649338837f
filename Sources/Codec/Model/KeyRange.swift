/// The keys from `start` up to, not including, `end`; an empty `end` means no upper bound.
package struct KeyRange: Sendable, Hashable {
  package var start: [UInt8]
  package var end: [UInt8]

  package init(start: [UInt8] = [], end: [UInt8] = []) {
    self.start = start
    self.end = end
  }

  /// Every key there is.
  package static let all = KeyRange()

  /// Whether no key can be inside.
  package var isEmpty: Bool { !end.isEmpty && !precedes(start, end) }

  /// Whether `key` is at or above `start` and below `end`; an empty `end` has no upper bound.
  package func contains(_ key: [UInt8]) -> Bool {
    !precedes(key, start) && (end.isEmpty || precedes(key, end))
  }

  /// Whether every key of `other` is inside; an empty `other` only if its start is.
  package func contains(_ other: KeyRange) -> Bool {
    guard !precedes(other.start, start) else { return false }
    if end.isEmpty { return true }
    if other.end.isEmpty { return false }
    return precedes(other.start, end) && !precedes(end, other.end)
  }

  /// Whether some key lies in both ranges.
  package func overlaps(_ other: KeyRange) -> Bool {
    !intersect(other).isEmpty
  }

  /// The keys of both; `isEmpty` when there are none.
  package func intersect(_ other: KeyRange) -> KeyRange {
    let low = precedes(start, other.start) ? other.start : start
    guard !end.isEmpty else { return KeyRange(start: low, end: other.end) }
    guard !other.end.isEmpty else { return KeyRange(start: low, end: end) }
    return KeyRange(start: low, end: precedes(end, other.end) ? end : other.end)
  }
}

extension KeyRange: CustomStringConvertible {
  package var description: String { "[\(start.hex), \(end.isEmpty ? "∞" : end.hex))" }
}
