package import Codec

/// The transactions that committed on this store a short while ago. A first prewrite that was overtaken by its own retry
/// and the commit is recognized by it. Nothing else may depend on it: it is neither complete nor replicated.
package struct TransactionStatusCache: Sendable {
  private var commitTS: [Timestamp: Timestamp] = [:]
  /// Start timestamps with the time at which they were inserted, the oldest first from `first` on.
  private var order: [(startTS: Timestamp, time: UInt64)] = []
  private var first = 0
  /// The most transactions that are kept.
  private let capacity: Int
  /// Milliseconds for which a transaction is kept.
  private let timeToLive: UInt64

  package init(capacity: Int = 1 << 16, timeToLive: UInt64 = 30_000) {
    precondition(capacity > 0, "a cache of no transaction")
    self.capacity = capacity
    self.timeToLive = timeToLive
  }

  package var count: Int { commitTS.count }

  /// - Parameter now: milliseconds of a clock that does not go back.
  package mutating func insert(_ startTS: Timestamp, commitTS timestamp: Timestamp, now: UInt64) {
    if commitTS.updateValue(timestamp, forKey: startTS) == nil { order.append((startTS, now)) }
    while first < order.count,
      commitTS.count > capacity
        || (now >= order[first].time && now - order[first].time > timeToLive)
    {
      commitTS[order[first].startTS] = nil
      first += 1
    }
    if first > order.count / 2 {
      order.removeSubrange(..<first)
      first = 0
    }
  }

  /// The commit timestamp of a transaction; nil if it is not known.
  package func commitTS(of startTS: Timestamp) -> Timestamp? { commitTS[startTS] }
}
