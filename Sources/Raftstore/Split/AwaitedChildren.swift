import Codec

/// Children of splits whose place is still taken by a peer that a message has created. They begin when that
/// peer has let go of its log.
struct AwaitedChildren {
  private struct Awaited {
    var child: SplitChild
    /// Messages that arrived meanwhile, for the child; in order.
    var envelopes: [RaftEnvelope] = []
  }

  private var awaited: [UInt64: Awaited] = [:]

  /// Messages kept for one child; more are dropped, as a network may.
  static let maxEnvelopes = 64

  mutating func add(_ child: SplitChild) { awaited[child.region.id] = Awaited(child: child) }

  /// Keeps a message for an awaited child. Returns false when its region is not awaited.
  mutating func hold(_ envelope: RaftEnvelope) -> Bool {
    guard let count = awaited[envelope.regionID]?.envelopes.count else { return false }
    if count < Self.maxEnvelopes { awaited[envelope.regionID]?.envelopes.append(envelope) }
    return true
  }

  /// The child whose place has become free, with its messages.
  mutating func take(_ regionID: UInt64) -> (child: SplitChild, envelopes: [RaftEnvelope])? {
    awaited.removeValue(forKey: regionID).map { ($0.child, $0.envelopes) }
  }
}
