package import Codec
import Synchronization

/// The largest timestamp of all reads of a store (`max_ts`), and the locks of prewrites whose writes are in progress.
///
/// A prewrite that computes its own commit timestamp, for async commit or one-phase commit, publishes a lock and then
/// takes a timestamp above `maxTS`. A read raises `maxTS` and then looks for locks. In whatever order the two happen,
/// either the read sees the lock or the prewrite sees the raised timestamp. Neither has to be durable: a new leader
/// raises `maxTS` to a timestamp of the oracle before it serves such prewrites.
///
/// Any thread may call.
package final class ConcurrencyControl: Sendable {
  private let maximum = Atomic<UInt64>(0)
  /// The largest timestamp that a request may name; `UInt64.max` while none is known.
  private let bound = Atomic<UInt64>(.max)
  /// The number of locks in `table`. Changes before `maximum` is read, under the lock of `table`; sequentially
  /// consistent with it, so that a read without locks to look at needs no lock.
  private let count = Atomic<Int>(0)
  private let table = Mutex(MemoryLocks())

  package init() {}

  /// Never decreases.
  package var maxTS: Timestamp { Timestamp(maximum.load(ordering: .sequentiallyConsistent)) }

  /// Bounds the timestamps of requests. One in the far future would raise `maxTS` for good, and commit timestamps that
  /// are computed afterwards would lie above those of all readers. As TiKV's `storage.max-ts`.
  ///
  /// - Parameter timestamp: later than all that the oracle issues before the bound is set again.
  package func boundRequests(to timestamp: Timestamp) {
    bound.store(timestamp.value, ordering: .relaxed)
  }

  /// Raises `maxTS` to a timestamp that a client names.
  package func raiseMaxTS(toRequested timestamp: Timestamp) throws(TransactionError) {
    let bound = bound.load(ordering: .relaxed)
    guard timestamp == .max || timestamp.value <= bound else {
      throw .timestampTooLarge(timestamp, bound: Timestamp(bound))
    }
    raiseMaxTS(to: timestamp)
  }

  /// Raises `maxTS` to that of a read. Not for `Timestamp.max`, which reads what is committed and promises nothing.
  package func raiseMaxTS(to timestamp: Timestamp) {
    guard timestamp != .max else { return }
    if maximum.load(ordering: .sequentiallyConsistent) >= timestamp.value { return }
    maximum.max(timestamp.value, ordering: .sequentiallyConsistent)
  }

  // MARK: Locks in memory

  /// Publishes the lock that `make` returns for the present `maxTS`. Nil publishes nothing.
  ///
  /// The caller holds the latch of the key, and calls `release` when the write is applied or given up.
  package func publish(
    _ encodedKey: [UInt8], _ make: (_ maxTS: Timestamp) -> Lock?
  ) {
    table.withLock { table in
      count.add(1, ordering: .sequentiallyConsistent)
      if let lock = make(maxTS) { table.set(encodedKey, lock) }
      count.store(table.locks.count, ordering: .sequentiallyConsistent)
    }
  }

  /// Removes the locks of these keys. Keys without one are ignored.
  package func release(_ encodedKeys: [[UInt8]]) {
    guard !encodedKeys.isEmpty else { return }
    table.withLock { table in
      for key in encodedKeys { table.remove(key) }
      count.store(table.locks.count, ordering: .sequentiallyConsistent)
    }
  }

  /// Calls `body` for the lock of a key, if there is one.
  package func check(
    _ encodedKey: [UInt8], _ body: (Lock) throws(TransactionError) -> Void
  ) throws(TransactionError) {
    guard count.load(ordering: .sequentiallyConsistent) > 0 else { return }
    guard let lock = table.withLock({ $0.lock(encodedKey) }) else { return }
    try body(lock)
  }

  /// Calls `body` for the locks of the encoded keys in `range`, in key order.
  package func check(
    in range: KeyRange, _ body: (_ encodedKey: [UInt8], Lock) throws(TransactionError) -> Void
  ) throws(TransactionError) {
    guard count.load(ordering: .sequentiallyConsistent) > 0 else { return }
    for (key, lock) in table.withLock({ $0.locks(in: range) }) { try body(key, lock) }
  }

  /// Whether a lock in a range may be committed at or before a timestamp.
  package func hasLock(in range: KeyRange, committingAtOrBefore timestamp: Timestamp) -> Bool {
    guard count.load(ordering: .sequentiallyConsistent) > 0 else { return false }
    return table.withLock { table in
      table.locks(in: range).contains { $0.lock.minCommitTS <= timestamp }
    }
  }

  /// The smallest start timestamp of all locks; nil if there is none. No resolved timestamp may reach it.
  package var minStartTS: Timestamp? {
    table.withLock { table in table.locks.map(\.lock.startTS).min() }
  }
}

/// Locks by encoded key, in key order. They are few: those of writes in progress.
private struct MemoryLocks {
  private(set) var locks: [(key: [UInt8], lock: Lock)] = []

  mutating func set(_ key: [UInt8], _ lock: Lock) {
    let index = index(of: key)
    if index < locks.count, locks[index].key == key {
      locks[index].lock = lock
    } else {
      locks.insert((key, lock), at: index)
    }
  }

  mutating func remove(_ key: [UInt8]) {
    let index = index(of: key)
    if index < locks.count, locks[index].key == key { locks.remove(at: index) }
  }

  func lock(_ key: [UInt8]) -> Lock? {
    let index = index(of: key)
    return index < locks.count && locks[index].key == key ? locks[index].lock : nil
  }

  func locks(in range: KeyRange) -> [(key: [UInt8], lock: Lock)] {
    Array(locks[index(of: range.start)...].prefix { range.contains($0.key) })
  }

  /// The position of the first key that is not before `key`.
  private func index(of key: [UInt8]) -> Int {
    var low = 0
    var high = locks.count
    while low < high {
      let middle = (low + high) / 2
      if precedes(locks[middle].key, key) { low = middle + 1 } else { high = middle }
    }
    return low
  }
}
