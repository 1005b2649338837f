import Runtime

/// When a peer has something to do: kept with the peer, so that its raft worker needs no look-up.
struct PeerSchedule {
  /// Whether the present batch has given this peer something to do.
  var isInBatch = false
  /// Whether it gets every tick. A peer that is hibernated does not.
  var isTicking = false
  /// The time of its entry in the queue of its raft worker, while it is hibernated. Nil: it has none.
  var dueAt: Instant?
  /// The store of its leader, while this peer is a hibernated follower; otherwise 0. The store worker watches that
  /// store.
  var watchedStore: UInt64 = 0
  /// Whether a request has come to this peer since it last heard of a leader: it campaigns before others.
  var isWanted = false
  var hibernation: Hibernation

  init(now: Instant) { hibernation = Hibernation(now: now) }
}
