/// The linearizable reads a leader confirms (dissertation, section 6.4).
struct LeaderReads {
  /// Reads that wait for a round of heartbeats.
  var queue = ReadOnlyQueue()
  /// Reads received before this leader committed an entry of its term.
  var waiting: [Message] = []
  /// The highest read index returned to a follower before it could be sent as a commit index; 0 if there
  /// is none. See `Config.broadcastsAppliedOnly`.
  var owedCommit: UInt64 = 0
}

/// Read requests that wait until a quorum has responded to a heartbeat sent after them.
///
/// Requests are numbered. A heartbeat carries the number of the last request received before it, and its
/// response confirms all requests up to that number. A duplicate or late response carries an older number
/// and cannot confirm a later request.
struct ReadOnlyQueue {
  struct Pending {
    var request: Message
    /// The commit index when the request was received: what the read must see.
    var index: UInt64
  }

  private struct Acknowledgment {
    var id: UInt64
    var position: UInt64
  }

  private var acknowledgments: [Acknowledgment] = []
  /// In order of their numbers, which are `confirmed + 1` and up.
  private(set) var unconfirmed: [Pending] = []
  /// The number of the last confirmed request.
  private(set) var confirmed: UInt64 = 0

  /// The number of the last request.
  var position: UInt64 { confirmed + UInt64(unconfirmed.count) }

  /// The `context` of a heartbeat; empty if no request waits.
  var heartbeatContext: [UInt8] {
    guard !unconfirmed.isEmpty else { return [] }
    return Self.encode(position)
  }

  mutating func add(_ request: Message, index: UInt64) {
    unconfirmed.append(Pending(request: request, index: index))
  }

  /// Records a heartbeat response. Positions of a peer never decrease.
  mutating func acknowledge(from id: UInt64, position: UInt64) {
    if let slot = acknowledgments.firstIndex(where: { $0.id == id }) {
      acknowledgments[slot].position = max(acknowledgments[slot].position, position)
    } else {
      acknowledgments.append(Acknowledgment(id: id, position: position))
    }
  }

  /// Removes and returns the requests that a quorum of `voters` has confirmed, in order.
  mutating func takeConfirmed(by voters: JointConfig) -> [Pending] {
    let agreed = voters.committedIndex { id in
      acknowledgments.first { $0.id == id }?.position
    }
    let reached = min(agreed, position)
    guard reached > confirmed else { return [] }
    let count = Int(reached - confirmed)
    let taken = Array(unconfirmed.prefix(count))
    unconfirmed.removeFirst(count)
    confirmed = reached
    return taken
  }

  static func encode(_ position: UInt64) -> [UInt8] {
    (0..<8).map { UInt8(truncatingIfNeeded: position >> (8 * UInt64($0))) }
  }

  /// The position in a heartbeat response; nil if its context is none.
  static func decode(_ context: [UInt8]) -> UInt64? {
    guard context.count == 8 else { return nil }
    var position: UInt64 = 0
    for byte in context.reversed() { position = position << 8 | UInt64(byte) }
    return position
  }
}
