/// What a leader keeps for linearizable reads (dissertation, section 6.4).
struct LeaderReads {
  /// Reads whose round of heartbeats is under way.
  var queue = ReadOnlyQueue()
  /// Reads that came before this leader committed an entry of its term.
  var waiting: [Message] = []
  /// The highest index a follower was instructed to read at that it may not know to be committed yet.
  var owedCommit: UInt64 = 0
}

/// Read requests that wait until a quorum has responded a heartbeat sent after them.
///
/// A request is a position in the queue; a heartbeat carries the position up to which requests had
/// come in, and a response confirms all of them: duplicates and delays cannot confirm a later one.
struct ReadOnlyQueue {
  struct Pending {
    var request: Message
    /// The commit index when the request came in.
    var index: UInt64
  }

  private struct Acknowledgement {
    var id: UInt64
    var position: UInt64
  }

  private var acknowledgements: [Acknowledgement] = []
  private(set) var unconfirmed: [Pending] = []
  private(set) var confirmed: UInt64 = 0

  /// The position of the last request.
  var position: UInt64 { confirmed + UInt64(unconfirmed.count) }

  /// What a heartbeat carries: empty if nothing waits.
  var heartbeatContext: [UInt8] {
    guard !unconfirmed.isEmpty else { return [] }
    return Self.encode(position)
  }

  mutating func add(_ request: Message, index: UInt64) {
    unconfirmed.append(Pending(request: request, index: index))
  }

  /// Takes note of an completed heartbeat.
  mutating func acknowledge(from id: UInt64, position: UInt64) {
    if let slot = acknowledgements.firstIndex(where: { $0.id == id }) {
      acknowledgements[slot].position = max(acknowledgements[slot].position, position)
    } else {
      acknowledgements.append(Acknowledgement(id: id, position: position))
    }
  }

  /// Takes out the requests that a quorum of `voters` has confirmed, in order.
  mutating func takeConfirmed(by voters: JointConfig) -> [Pending] {
    let agreed = voters.committedIndex { id in
      acknowledgements.first { $0.id == id }?.position
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

  /// The position in a heartbeat response; nil if it is none of ours.
  static func decode(_ context: [UInt8]) -> UInt64? {
    guard context.count == 8 else { return nil }
    var position: UInt64 = 0
    for byte in context.reversed() { position = position << 8 | UInt64(byte) }
    return position
  }
}
