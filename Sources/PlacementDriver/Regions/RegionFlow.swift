import Codec
import Runtime

/// What clients do to regions.
package enum FlowKind: String, Sendable, Hashable, CaseIterable {
  case read
  case write
}

/// Bytes and keys that were read or written: a number of them, or a number a second.
package struct RegionFlow: Sendable, Hashable {
  package var bytes: UInt64 = 0
  package var keys: UInt64 = 0

  package init(bytes: UInt64 = 0, keys: UInt64 = 0) {
    self.bytes = bytes
    self.keys = keys
  }

  // Numbers come from outside: sums wrap both ways, so that what was added can be taken off again.
  static func &+ (left: RegionFlow, right: RegionFlow) -> RegionFlow {
    RegionFlow(bytes: left.bytes &+ right.bytes, keys: left.keys &+ right.keys)
  }

  static func &- (left: RegionFlow, right: RegionFlow) -> RegionFlow {
    RegionFlow(bytes: left.bytes &- right.bytes, keys: left.keys &- right.keys)
  }
}

/// The flow of one kind on one region, from one report of its leader to the next.
struct FlowMeter: Sendable {
  /// What the leader reported last.
  private(set) var last = RegionFlow()
  /// A second, over the last whole interval; zero before there is one.
  private(set) var rate = RegionFlow()
  private var sum = RegionFlow()
  private var since: Instant?

  /// Takes in what a leader reports since its last report. Returns whether an interval has ended, so that there is a new
  /// rate: leaders report at any time.
  mutating func add(_ flow: RegionFlow, at now: Instant, interval: Duration) -> Bool {
    last = flow
    guard let since, now >= since else {
      // Nothing says since when the first report counts.
      self.since = now
      return false
    }
    sum = RegionFlow(
      bytes: Self.sum(sum.bytes, flow.bytes), keys: Self.sum(sum.keys, flow.keys))
    let milliseconds = (now.nanoseconds - since.nanoseconds) / 1_000_000
    guard now - since >= interval, milliseconds > 0 else { return false }
    rate = RegionFlow(
      bytes: Self.perSecond(sum.bytes, milliseconds), keys: Self.perSecond(sum.keys, milliseconds))
    sum = RegionFlow()
    self.since = now
    return true
  }

  private static func sum(_ left: UInt64, _ right: UInt64) -> UInt64 {
    let (sum, isOverflowing) = left.addingReportingOverflow(right)
    return isOverflowing ? .max : sum
  }

  private static func perSecond(_ amount: UInt64, _ milliseconds: UInt64) -> UInt64 {
    let (thousandfold, isOverflowing) = amount.multipliedReportingOverflow(by: 1000)
    return isOverflowing ? amount / milliseconds : thousandfold / milliseconds
  }
}
