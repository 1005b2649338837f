import Codec
import Collections
import Raft
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
    /// The latest timestamp of these reads and of earlier rounds that another leader has not confirmed: it may confirm
    /// them with this one. 0 if none has one.
    var readTS: UInt64 = 0
    /// Requests of followers, which get the confirmed index. Empty unless `leaderTerm` is set.
    var forwarded: [Message] = []
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
  /// Read index requests of followers that this leader has not begun a round for. At most `maxForwarded`.
  private(set) var forwarded: [Message] = []
  var rounds: Deque<Round> = []
  var confirmed: [Confirmed] = []
  var nextID: UInt64 = 1

  init(salt: UInt64) { self.salt = salt }

  /// Followers ask again when they get no response.
  private static let maxForwarded = 1024

  var isEmpty: Bool {
    queued.isEmpty && forwarded.isEmpty && rounds.isEmpty && confirmed.isEmpty
  }
  var isRenewing: Bool { rounds.contains { $0.isRenewal } }
  /// Whether reads wait to be served or sent on.
  var hasQueued: Bool { !queued.isEmpty || !forwarded.isEmpty }

  /// Takes a follower's request; it is dropped if too many wait.
  mutating func forward(_ request: Message) {
    if forwarded.count < Self.maxForwarded { forwarded.append(request) }
  }

  /// Removes and returns the requests for which `isServable` holds.
  mutating func takeForwarded(where isServable: (Message) -> Bool) -> [Message] {
    let (taken, kept) = forwarded.divided(isServable)
    forwarded = kept
    return taken
  }

  /// Removes the round of this name, and with one that another leader has confirmed also all earlier ones of that kind:
  /// an index that was current after the later request is current enough for the earlier ones. So a lost message is made
  /// good by the next round. Empty if there is no such round.
  mutating func takeRounds(confirmedBy id: UInt64) -> [Round] {
    guard let last = rounds.firstIndex(where: { $0.id == id }) else { return [] }
    guard rounds[last].leaderTerm == nil else { return [rounds.remove(at: last)] }
    var taken: [Round] = []
    var kept: Deque<Round> = []
    for (index, round) in rounds.enumerated() {
      if index <= last, round.leaderTerm == nil { taken.append(round) } else { kept.append(round) }
    }
    rounds = kept
    return taken
  }

  /// This peer leads no more: reads that counted on it go elsewhere. Those that are confirmed are
  /// right whoever leads.
  mutating func failLeaderReads(_ error: RegionError) {
    for round in rounds where round.leaderTerm != nil {
      for request in round.requests { request.completion(.failure(error)) }
    }
    rounds.removeAll { $0.leaderTerm != nil }
    // Followers ask the next leader.
    forwarded = []
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
