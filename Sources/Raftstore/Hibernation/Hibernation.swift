import Runtime

/// Whether a peer is hibernated, as a state machine without messages (TiKV's `hibernate_state`).
///
/// A hibernated peer gets no raft ticks and sends no raft message. A leader hibernates when all members that are not
/// down have agreed; a follower when it agrees. Whatever concerns the region wakes it.
struct Hibernation {
  enum Group: Equatable {
    /// Awake.
    case ordered
    /// Awake, and in doubt whether the leader still leads: it does not agree to hibernate before it hears from one.
    case chaos
    /// Hibernated.
    case idle
    /// Hibernated, and nothing was heard from the leader in a whole interval of the check for stale peers.
    case preChaos
  }

  /// A leader's question whether the others agree to hibernate.
  private struct Poll {
    /// The last index of the leader's log: agreement to another one does not count.
    var index: UInt64
    var votes: Set<UInt64> = []
    var isSent = false
    /// Ticks for which heartbeats were held back.
    var heldTicks = 0
  }

  /// A leader's question to this follower.
  struct Request: Equatable {
    var leaderID: UInt64
    var index: UInt64
  }

  private(set) var group = Group.ordered
  /// When the peer hibernated; meaningful while it is hibernated.
  private(set) var asleepSince: Instant
  /// How often it has hibernated.
  private(set) var sleeps: UInt64 = 0
  /// When the region was used last, as far as this peer led it then; nil: not since the peer was made. Neither an
  /// election nor a wake-up nor a compaction of the log is use: many regions that are woken at the same time, as by the
  /// restart of a store, hibernate again after an election timeout.
  private(set) var usedAt: Instant?
  /// The number of the leader's next round of reads when it was looked at last.
  private var nextRead: UInt64?
  /// As leader, while it is awake.
  private var poll: Poll?
  /// As follower: a question of this batch, to be responded to when everything else of the batch is done.
  private var request: Request?

  init(now: Instant) { asleepSince = now }

  var isAsleep: Bool { group == .idle || group == .preChaos }
  var isInDoubt: Bool { group == .chaos }

  // MARK: Leaders

  /// A request has come to a leader.
  mutating func used(_ now: Instant) { usedAt = now }

  /// To be called with each tick of a leader: reads begin rounds that come to it by other ways than requests.
  mutating func observe(_ now: Instant, nextRead: UInt64, isReading: Bool) {
    if isReading || nextRead != self.nextRead ?? nextRead { usedAt = now }
    self.nextRead = nextRead
  }

  /// Whether the region was not used for `time`.
  func isUnused(for time: Duration, _ now: Instant) -> Bool {
    usedAt.map { now - $0 >= time } ?? true
  }

  /// Begins to ask the others, unless it is asking already.
  mutating func beginPoll(index: UInt64) {
    if poll == nil, !isAsleep { poll = Poll(index: index) }
  }

  /// Whether the leader holds its heartbeats back in this tick: they wake those that have agreed, and on a busy machine
  /// the responses take longer than a heartbeat interval.
  mutating func holdHeartbeats(atMost ticks: Int) -> Bool {
    guard let held = poll?.heldTicks, held < ticks else { return false }
    poll?.heldTicks = held + 1
    return true
  }

  /// Ends the question: who agreed was woken since, or the leader is used.
  mutating func dropPoll() { poll = nil }

  /// The index to be asked for, once for each poll.
  mutating func takeQuestion() -> UInt64? {
    guard let poll, !poll.isSent else { return nil }
    self.poll?.isSent = true
    return poll.index
  }

  /// A member agrees. That counts if it was asked for this index.
  mutating func agree(_ peerID: UInt64, index: UInt64) {
    if poll?.index == index { poll?.votes.insert(peerID) }
  }

  /// Whether the poll is open, and the member has agreed.
  func hasAgreed(_ peerID: UInt64) -> Bool { poll?.votes.contains(peerID) == true }
  var isPolling: Bool { poll != nil }

  // MARK: Followers

  mutating func asked(_ request: Request) { self.request = request }

  mutating func takeRequest() -> Request? { request.take() }

  // MARK: Changes

  mutating func fallAsleep(_ now: Instant) {
    precondition(!isAsleep && group != .chaos, "a peer that is \(group) does not hibernate")
    group = .idle
    asleepSince = now
    sleeps += 1
    poll = nil
  }

  /// Wakes the peer. Returns when it hibernated; nil if it is awake anyway.
  ///
  /// - Parameter inDoubt: whether the leader may be gone.
  mutating func wake(inDoubt: Bool) -> Instant? {
    let since = isAsleep ? asleepSince : nil
    poll = nil
    request = nil
    if inDoubt {
      group = .chaos
    } else if since != nil {
      group = .ordered
    }
    return since
  }

  /// The leader was heard from: there is no doubt.
  mutating func leaderSpoke() {
    switch group {
    case .chaos: group = .ordered
    case .preChaos: group = .idle
    case .ordered, .idle: break
    }
  }

  /// A hibernated follower has not heard from its leader in an interval. Returns whether that is the second time in
  /// a row: it is to be woken.
  mutating func leaderMissed() -> Bool {
    if group == .idle { group = .preChaos } else if group == .preChaos { return true }
    return false
  }

  /// Leadership has changed.
  mutating func roleChanged(isLeader: Bool) {
    precondition(!isAsleep, "a role changes while the peer is hibernated")
    poll = nil
    if isLeader { group = .ordered }
  }
}
