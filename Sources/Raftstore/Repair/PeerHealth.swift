import Codec
import Runtime

/// Why a peer counts as damaged.
package enum DamageKind: Sendable {
  /// Data that its engine has stored is not what was written.
  case data
  /// Its log is not what was written, or an entry of it cannot be applied: it cannot go on.
  case log
  /// Its data differs from that of a majority.
  case hash
}

/// What a peer knows of its own damage and of that of its replicas.
struct PeerHealth {
  /// Its log and data were lost (Peer+Recovery).
  var recovery: DataRecovery?
  /// Why it is fenced (Peer+Damage); nil for a healthy peer. Never reset.
  var damage: PeerDamage?
  /// When it last told the leader, or all members, that it is fenced.
  var announcedAt: Instant?
  /// When it last asked the placement driver whether it is still a member.
  var askedAt: Instant?
  /// What it knows of the last consistency check (Peer+Consistency).
  var verification = HashVerification()
  /// The consistency check that it has begun as leader.
  var check: ConsistencyCheck?
}
