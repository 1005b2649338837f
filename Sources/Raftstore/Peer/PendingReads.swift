import Codec
import Collections
import Runtime

/// Reads that wait to be sent as a read index request, for a quorum's confirmation, or for entries to
/// be applied.
struct PendingReads {
  /// One read index round, on behalf of all reads that were queued when it began.
  struct Round {
    var id: UInt64
    var sentAt: Instant
    /// The term it was asked in, as leader; nil when it was asked of another leader.
    var leaderTerm: UInt64?
    var requests: [ReadRequest]
    var ticks = 0
    var isRenewal = false
  }

  /// Reads that may be served once `index` is applied.
  struct Confirmed {
    var index: UInt64
    var requests: [ReadRequest]
  }

  /// Part of the names of rounds: tells those of this process from those of earlier ones.
  let salt: UInt64
  var queued: [ReadRequest] = []
  var rounds: Deque<Round> = []
  var confirmed: [Confirmed] = []
  var nextID: UInt64 = 1

  init(salt: UInt64) { self.salt = salt }

  var isEmpty: Bool { queued.isEmpty && rounds.isEmpty && confirmed.isEmpty }
  var isRenewing: Bool { rounds.contains { $0.isRenewal } }

  mutating func removeRound(_ id: UInt64) -> Round? {
    guard let index = rounds.firstIndex(where: { $0.id == id }) else { return nil }
    return rounds.remove(at: index)
  }

  /// This peer leads no more: reads that counted on it go elsewhere. Those that are confirmed are
  /// right whoever leads.
  mutating func failLeaderReads(_ error: RegionError) {
    for round in rounds where round.leaderTerm != nil {
      for request in round.requests { request.completion(.failure(error)) }
    }
    rounds.removeAll { $0.leaderTerm != nil }
    let (kept, removed) = queued.divided { $0.context.replicaRead }
    queued = kept
    for request in removed { request.completion(.failure(error)) }
  }

  mutating func failAll(_ error: RegionError) {
    for request in queued { request.completion(.failure(error)) }
    for round in rounds { for request in round.requests { request.completion(.failure(error)) } }
    for group in confirmed { for request in group.requests { request.completion(.failure(error)) } }
    // Responses to earlier rounds may still come: their names are not given again.
    let next = nextID
    self = PendingReads(salt: salt)
    nextID = next
  }
}

extension Array {
  /// The elements for which `belongs` holds, and the others, both in order.
  fileprivate func divided(_ belongs: (Element) -> Bool) -> ([Element], [Element]) {
    (filter(belongs), filter { !belongs($0) })
  }
}
