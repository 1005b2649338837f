package import Codec

/// A cycle of transactions that wait for each other.
package struct Deadlock: Sendable, Hashable {
  /// The transaction that would have been waited for.
  package var lockTS: Timestamp
  /// The key that was wanted.
  package var key: [UInt8]
  /// The hash of the key for which the last transaction of the cycle waits.
  package var keyHash: UInt64
  /// From the wanted lock around to it: at least two edges, the last one that of the refused request.
  package var chain: [WaitEdge]

  package init(lockTS: Timestamp, key: [UInt8], keyHash: UInt64, chain: [WaitEdge]) {
    self.lockTS = lockTS
    self.key = key
    self.keyHash = keyHash
    self.chain = chain
  }
}

/// A transaction that waits for a lock of another one.
package struct WaitEdge: Sendable, Hashable {
  package var transaction: Timestamp
  package var holder: Timestamp
  package var keyHash: UInt64
  package var key: [UInt8]

  package init(
    transaction: Timestamp, holder: Timestamp, keyHash: UInt64, key: [UInt8] = []
  ) {
    self.transaction = transaction
    self.holder = holder
    self.keyHash = keyHash
    self.key = key
  }
}

/// Which transaction waits for which, in all stores of a cluster. It lives on the store that leads the first region and
/// starts empty with each leader: waiting requests time out and come again.
package struct DeadlockDetector: Sendable {
  private struct Holder {
    var transaction: Timestamp
    /// The keys for which the waiter waits; not empty.
    var keys: [(hash: UInt64, key: [UInt8])]
    /// Milliseconds.
    var lastDetect: UInt64
  }

  /// The transactions for which each one waits, in the order in which they were first named.
  private var holders: [Timestamp: [Holder]] = [:]
  /// Milliseconds after which an edge that was not named again does not count. At most the time after which a waiting
  /// request gives up, since the message about its end can be lost.
  private let timeToLive: UInt64

  package init(timeToLive: UInt64 = 1000) {
    self.timeToLive = timeToLive
  }

  /// All edges, one for each key.
  package var edges: [WaitEdge] {
    holders.flatMap { waiter, holders in
      holders.flatMap { holder in
        holder.keys.map {
          WaitEdge(
            transaction: waiter, holder: holder.transaction, keyHash: $0.hash, key: $0.key)
        }
      }
    }
  }

  /// A transaction begins to wait. If that closes a cycle it must not; the edge is not stored then.
  ///
  /// - Parameter now: milliseconds of a clock that does not go back.
  package mutating func detect(_ edge: WaitEdge, now: UInt64) -> Deadlock? {
    if refresh(edge, now: now) { return nil }
    if let deadlock = findCycle(edge, now: now) { return deadlock }
    holders[edge.transaction, default: []].append(
      Holder(
        transaction: edge.holder, keys: [(edge.keyHash, edge.key)], lastDetect: now))
    return nil
  }

  /// Whether the edge is known; a known one has closed no cycle.
  private mutating func refresh(_ edge: WaitEdge, now: UInt64) -> Bool {
    guard
      let index = holders[edge.transaction]?.firstIndex(where: { $0.transaction == edge.holder })
    else { return false }
    holders[edge.transaction]?[index].lastDetect = now
    if holders[edge.transaction]?[index].keys.contains(where: { $0.hash == edge.keyHash }) == false
    {
      holders[edge.transaction]?[index].keys.append((edge.keyHash, edge.key))
    }
    return true
  }

  /// Searches depth first from the holder for a way to the waiter.
  private mutating func findCycle(_ edge: WaitEdge, now: UInt64) -> Deadlock? {
    var stack = [edge.holder]
    /// The edge over which each transaction was reached first.
    var reached: [Timestamp: WaitEdge] = [:]
    while let current = stack.popLast() {
      dropExpired(current, now: now)
      for holder in holders[current] ?? [] {
        guard let first = holder.keys.first else { continue }
        let step = WaitEdge(
          transaction: current, holder: holder.transaction, keyHash: first.hash, key: first.key)
        if holder.transaction == edge.transaction {
          var chain = [step]
          var at = current
          while let before = reached[at] {
            chain.append(before)
            at = before.transaction
          }
          chain.reverse()
          chain.append(edge)
          return Deadlock(
            lockTS: edge.holder, key: edge.key, keyHash: first.hash, chain: chain)
        }
        if holder.transaction != edge.holder, reached[holder.transaction] == nil {
          reached[holder.transaction] = step
          stack.append(holder.transaction)
        }
      }
    }
    return nil
  }

  private mutating func dropExpired(_ waiter: Timestamp, now: UInt64) {
    guard let index = holders.index(forKey: waiter) else { return }
    holders.values[index].removeAll {
      now >= $0.lastDetect && now - $0.lastDetect >= timeToLive
    }
    if holders.values[index].isEmpty { holders.remove(at: index) }
  }

  /// A transaction does not wait for a key any more.
  package mutating func removeWait(_ transaction: Timestamp, for holder: Timestamp, keyHash: UInt64)
  {
    guard let index = holders.index(forKey: transaction),
      let edge = holders.values[index].firstIndex(where: { $0.transaction == holder })
    else { return }
    holders.values[index][edge].keys.removeAll { $0.hash == keyHash }
    if holders.values[index][edge].keys.isEmpty { holders.values[index].remove(at: edge) }
    if holders.values[index].isEmpty { holders.remove(at: index) }
  }

  /// A transaction waits for nothing any more.
  package mutating func removeTransaction(_ transaction: Timestamp) {
    holders[transaction] = nil
  }

  /// Removes all edges that were not named again in time. Call it now and then: a waiter that is never searched would
  /// stay.
  package mutating func removeExpired(now: UInt64) {
    for waiter in Array(holders.keys) { dropExpired(waiter, now: now) }
  }

  /// The store became or ceased to be the leader of the first region.
  package mutating func reset() {
    holders = [:]
  }
}
