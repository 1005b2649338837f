/// Whether the stores on which hibernated followers have their leaders are alive.
///
/// Hibernated peers exchange nothing, so their stores do: a store sends a beat with every tick to each store that it
/// watches, and to each that watches it. A watched store of which no beat came for `limit` ticks is silent. Ticks are
/// counted, not time: a process that was paused does not take all others for dead.
struct StoreLiveness {
  /// Ticks without a beat after which a store is silent.
  static let limit = 3
  /// Stores that may watch this one; beats of further ones are ignored.
  static let maxWatchers = 1024

  private struct Watched {
    /// Raft workers that have hibernated followers of leaders there.
    var shards = 0
    /// Ticks since the last beat.
    var missed = 0
  }

  /// What is to be done after a tick.
  struct Due: Equatable {
    /// Stores that get a beat, ascending; with whether this store watches them.
    var beats: [Beat] = []
    /// Watched stores that have become silent, ascending.
    var silent: [UInt64] = []
  }

  struct Beat: Equatable {
    var storeID: UInt64
    /// Whether beats are expected in return.
    var isWatching: Bool
  }

  private var watched: [UInt64: Watched] = [:]
  /// Stores that watch this one, with the ticks since they said so.
  private var watchers: [UInt64: Int] = [:]

  /// A raft worker begins to count on the store, or ceases to.
  mutating func watch(_ storeID: UInt64, _ begins: Bool) {
    if begins {
      watched[storeID, default: Watched()].shards += 1
      return
    }
    guard let known = watched[storeID] else {
      preconditionFailure("store \(storeID) is not watched")
    }
    watched[storeID]?.shards -= 1
    if known.shards == 1 { watched[storeID] = nil }
  }

  /// A beat has arrived. Returns whether the store is one that was silent.
  @discardableResult
  mutating func heard(_ storeID: UInt64, isWatching: Bool) -> Bool {
    let wasSilent = watched[storeID].map { $0.missed >= Self.limit } ?? false
    watched[storeID]?.missed = 0
    defer { noteWatcher(storeID, isWatching) }
    return wasSilent
  }

  private mutating func noteWatcher(_ storeID: UInt64, _ isWatching: Bool) {
    if !isWatching {
      watchers[storeID] = nil
    } else if watchers[storeID] != nil || watchers.count < Self.maxWatchers {
      watchers[storeID] = 0
    }
  }

  mutating func tick() -> Due {
    var due = Due()
    if watched.isEmpty && watchers.isEmpty { return due }
    for id in Set(watched.keys).union(watchers.keys).sorted() {
      due.beats.append(Beat(storeID: id, isWatching: watched[id] != nil))
      if let missed = watched[id]?.missed {
        watched[id]?.missed = missed + 1
        if missed + 1 == Self.limit { due.silent.append(id) }
      }
      if let age = watchers[id] { watchers[id] = age < Self.limit ? age + 1 : nil }
    }
    return due
  }
}
