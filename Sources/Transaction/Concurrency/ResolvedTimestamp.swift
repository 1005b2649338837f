package import Codec

/// The resolved timestamp of one region: every later commit in the region is above it, so a replica that has applied
/// what lies before can serve a read at it.
///
/// It follows the locks of the region: an initial scan, then the changes of the family `lock` in their order. Only locks
/// of puts and deletes count; others do not hold it back.
package struct ResolvedTimestamp: Sendable {
  /// Start timestamps by encoded key.
  private var locks: [[UInt8]: Timestamp] = [:]
  /// The start timestamps of all locks, ascending, each with its number of locks. New locks are mostly the last ones.
  private var counts: [(startTS: Timestamp, count: Int)] = []
  /// Never decreases.
  package private(set) var value = Timestamp.zero

  package init() {}

  /// The number of locks.
  package var count: Int { locks.count }
  /// The oldest transaction with a lock.
  package var oldest: Timestamp? { counts.first?.startTS }

  /// A key was locked. A key that is tracked already stays as it is.
  package mutating func track(_ encodedKey: [UInt8], startTS: Timestamp) {
    guard locks[encodedKey] == nil else { return }
    locks[encodedKey] = startTS
    let index = index(of: startTS)
    if index < counts.count, counts[index].startTS == startTS {
      counts[index].count += 1
    } else {
      counts.insert((startTS, 1), at: index)
    }
  }

  /// The lock of a key was removed. A key that is not tracked is ignored.
  package mutating func untrack(_ encodedKey: [UInt8]) {
    guard let startTS = locks.removeValue(forKey: encodedKey) else { return }
    let index = index(of: startTS)
    counts[index].count -= 1
    if counts[index].count == 0 { counts.remove(at: index) }
  }

  /// Advances to `candidate`, or to the oldest lock if that is smaller.
  ///
  /// - Parameter candidate: a timestamp of the oracle to which `max_ts` was raised afterwards, and not above the
  ///   smallest lock in memory.
  package mutating func advance(to candidate: Timestamp) -> Timestamp {
    value = max(value, min(candidate, oldest ?? .max))
    return value
  }

  /// The position of the first start timestamp that is not below.
  private func index(of startTS: Timestamp) -> Int {
    var low = 0
    var high = counts.count
    while low < high {
      let middle = (low + high) / 2
      if counts[middle].startTS < startTS { low = middle + 1 } else { high = middle }
    }
    return low
  }
}
