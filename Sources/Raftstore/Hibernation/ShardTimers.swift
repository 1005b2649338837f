import Runtime

/// Which regions of a shard get every tick, and when those that do not are due.
///
/// Invariants: a region that ticks is in `ticking` or `started`; one that does not has at most one valid entry in
/// `queue`, the one that `PeerSchedule.dueAt` names. Other entries are skipped when their time comes.
struct ShardTimers {
  private struct Entry {
    var at: Instant
    var regionID: UInt64
  }

  /// Ascending. Those that have stopped since the last tick are in it too.
  private var ticking: [UInt64] = []
  /// Whether some of `ticking` may have stopped.
  private var hasStopped = false
  /// Those that began to tick since the last one, in any order.
  private var started: [UInt64] = []
  /// A binary heap by time.
  private var queue: [Entry] = []
  /// Hibernated followers by the store of their leader.
  private var sleepers: [UInt64: Int] = [:]

  // MARK: Ticks

  /// The region gets every tick from now on.
  mutating func start(_ regionID: UInt64) { started.append(regionID) }

  /// A region gets no ticks any more: the next `ticks` drops it.
  mutating func stop() { hasStopped = true }

  /// The regions that tick, ascending. Those that have stopped, for which `isTicking` does not hold, are dropped.
  mutating func ticks(_ isTicking: (UInt64) -> Bool) -> [UInt64] {
    if !started.isEmpty {
      let all = (ticking + started).sorted()
      ticking.removeAll(keepingCapacity: true)
      for id in all where ticking.last != id { ticking.append(id) }
      started = []
    }
    if hasStopped {
      ticking.removeAll { !isTicking($0) }
      hasStopped = false
    }
    return ticking
  }

  /// When the next tick is needed: the origin of time stands for each of them, nil for none. Those that have just
  /// stopped to tick get one more, which drops them.
  var nextTick: Instant? {
    if !ticking.isEmpty || !started.isEmpty { return Instant(nanoseconds: 0) }
    return queue.first?.at
  }

  // MARK: Due times

  /// The number of entries, valid or not.
  var queueCount: Int { queue.count }

  mutating func schedule(_ regionID: UInt64, at: Instant) {
    queue.append(Entry(at: at, regionID: regionID))
    var index = queue.count - 1
    while index > 0 {
      let parent = (index - 1) / 2
      guard precedes(index, parent) else { return }
      queue.swapAt(index, parent)
      index = parent
    }
  }

  /// Removes and returns the next entry if its time has come.
  mutating func takeDue(_ now: Instant) -> (regionID: UInt64, at: Instant)? {
    guard let first = queue.first, first.at <= now else { return nil }
    queue.swapAt(0, queue.count - 1)
    queue.removeLast()
    var index = 0
    while true {
      var least = index
      for child in [2 * index + 1, 2 * index + 2]
      where child < queue.count && precedes(child, least) { least = child }
      if least == index { break }
      queue.swapAt(index, least)
      index = least
    }
    return (first.regionID, first.at)
  }

  /// Equal times in order of regions: the order does not depend on how the heap was filled.
  private func precedes(_ left: Int, _ right: Int) -> Bool {
    (queue[left].at, queue[left].regionID) < (queue[right].at, queue[right].regionID)
  }

  // MARK: Stores of leaders

  /// A follower whose leader is on the store has hibernated. Returns whether it is the first one.
  mutating func addSleeper(_ storeID: UInt64) -> Bool {
    sleepers[storeID, default: 0] += 1
    return sleepers[storeID] == 1
  }

  /// A follower whose leader is on the store is awake or gone. Returns whether it was the last one.
  mutating func removeSleeper(_ storeID: UInt64) -> Bool {
    guard let count = sleepers[storeID] else {
      preconditionFailure("no hibernated follower has its leader on store \(storeID)")
    }
    sleepers[storeID] = count == 1 ? nil : count - 1
    return count == 1
  }

  /// Whether hibernated followers have their leader on the store.
  func hasSleepers(_ storeID: UInt64) -> Bool { sleepers[storeID] != nil }
}
