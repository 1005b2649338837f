/// A timestamp of the oracle: milliseconds since 1970 shifted left by 18 bits, plus a counter.
package struct Timestamp: Sendable, Hashable {
  package static let logicalBits: UInt64 = 18
  package static let maxLogical: UInt64 = (1 << logicalBits) - 1

  package var value: UInt64

  package init(_ value: UInt64) {
    self.value = value
  }

  /// `physical` in milliseconds, below 2^46; `logical` at most `maxLogical`.
  package init(physical: UInt64, logical: UInt64) {
    precondition(physical >> (64 - Self.logicalBits) == 0, "physical part out of range")
    precondition(logical <= Self.maxLogical, "logical part out of range")
    value = physical << Self.logicalBits | logical
  }

  package static let zero = Timestamp(0)
  package static let max = Timestamp(.max)

  /// Milliseconds since 1970.
  package var physical: UInt64 { value >> Self.logicalBits }
  package var logical: UInt64 { value & Self.maxLogical }
}

extension Timestamp: Comparable {
  package static func < (left: Timestamp, right: Timestamp) -> Bool { left.value < right.value }
}

extension Timestamp: CustomStringConvertible {
  package var description: String { "\(value)" }
}
