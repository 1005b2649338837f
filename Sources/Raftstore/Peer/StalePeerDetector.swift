import Codec
import Runtime

/// What a message said by which this peer would not be a member any more, and when the placement driver was
/// asked about it.
struct RemovalSuspicion {
  var reason: String
  var askedAt: Instant
}

/// Since when nothing speaks for a leader or for this peer's membership, and when that was last asked about.
struct StalePeerDetector {
  /// The next check is due then.
  private(set) var nextCheck: Instant
  /// Since when this peer has known no leader; nil while it knows one.
  private(set) var leaderlessSince: Instant?
  /// When the leader was heard from last, whoever it was.
  private(set) var leaderContactAt: Instant
  /// When the placement driver was asked last whether this peer is still a member.
  private(set) var membershipCheckSentAt: Instant
  /// A message says that this peer was removed, and the placement driver has not said whether it is so.
  private(set) var suspicion: RemovalSuspicion?
  private var lastSuspicionAt: Instant?

  init(now: Instant, firstCheck: Instant) {
    nextCheck = firstCheck
    leaderlessSince = now
    leaderContactAt = now
    membershipCheckSentAt = now
  }

  mutating func schedule(_ next: Instant) { nextCheck = next }

  // MARK: Leaders

  mutating func leaderChanged(isKnown: Bool, at now: Instant) {
    leaderlessSince = isKnown ? nil : (leaderlessSince ?? now)
  }

  mutating func heardFromLeader(_ now: Instant) { leaderContactAt = now }

  /// Since when nothing speaks for a leader. A learner, or a peer that never learnt its region, does not
  /// campaign and so believes in its last leader for ever: only that one's silence tells.
  func unledSince(knowsLeader: Bool) -> Instant? {
    knowsLeader ? leaderContactAt : leaderlessSince
  }

  // MARK: Membership

  mutating func noteMembershipCheck(_ now: Instant) { membershipCheckSentAt = now }

  /// Returns whether the placement driver is to be asked: not while an answer is awaited, and not more often
  /// than once in `interval`.
  mutating func suspect(_ reason: String, at now: Instant, interval: Duration) -> Bool {
    if suspicion != nil { return false }
    if let last = lastSuspicionAt, now - last < interval { return false }
    lastSuspicionAt = now
    suspicion = RemovalSuspicion(reason: reason, askedAt: now)
    return true
  }

  /// Returns whether the question is to be repeated, because no answer came within `interval`.
  mutating func repeatQuestion(at now: Instant, interval: Duration) -> Bool {
    guard let asked = suspicion?.askedAt, now - asked >= interval else { return false }
    suspicion?.askedAt = now
    return true
  }

  mutating func takeSuspicion() -> RemovalSuspicion? {
    defer { suspicion = nil }
    return suspicion
  }
}
