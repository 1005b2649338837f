// Validation of messages from other nodes.
//
// The core follows etcd: it trusts its peers and aborts when a message contradicts its log. A process must
// not end because of a message, so a message that no correct member can have sent to a node in this state
// is refused before it changes anything. One that cannot be distinguished from a correct message is
// accepted.
extension RawNode {
  /// Bound of every number of a message, so that arithmetic on it cannot overflow.
  private static var numberLimit: UInt64 { 1 << 62 }
  /// The most by which a message may raise the term. Without it, one message with a term near the limit
  /// would leave the group no terms to elect leaders in.
  private static var maxTermLeap: UInt64 { 1 << 32 }

  /// Throws `.malformed` or `.impossible`; the node is unchanged.
  func check(_ message: borrowing Message) throws(RaftError) {
    try checkNumbers(message)
    // A node sends itself only the responses that wait for its own log.
    guard message.from != core.id || message.type.isResponse else {
      throw .impossible("\(message.type) from this node itself")
    }
    switch message.type {
    case .propose, .transferLeader, .forgetLeader: return
    case .append: try checkEntries(message)
    case .readIndex, .readIndexResponse:
      guard message.entries.count == 1 else {
        throw .malformed(
          "\(message.type) with \(message.entries.count) contexts, expected one")
      }
    case .snapshot: try checkSnapshot(message)
    default: break
    }
    // A forwarded request belongs to no term.
    if message.type == .readIndex { return }
    guard message.term > 0 else { throw .malformed("\(message.type) without a term") }
    // A message of an earlier term is rejected or ignored, whatever it contains.
    guard message.term >= core.term else { return }
    try checkSender(message)
    try checkLogPosition(message)
  }

  private func checkNumbers(_ message: borrowing Message) throws(RaftError) {
    var highest = max(message.term, message.logTerm, message.index, message.commit)
    highest = max(highest, message.rejectHint)
    if let snapshot = message.snapshot {
      highest = max(highest, snapshot.metadata.index, snapshot.metadata.term)
    }
    guard highest < Self.numberLimit else {
      throw .malformed("number out of range in \(message.type)")
    }
    if message.term > core.term, message.term - core.term > Self.maxTermLeap {
      throw .impossible("\(message.type) of term \(message.term) at term \(core.term)")
    }
  }

  /// Entries follow `message.index` without a gap, and their terms ascend up to the message's.
  private func checkEntries(_ message: borrowing Message) throws(RaftError) {
    var index = message.index
    var term = message.logTerm
    for position in message.entries.indices {
      index += 1
      let entry = EntryID(
        term: message.entries[position].term, index: message.entries[position].index)
      guard entry.index == index else {
        throw .malformed("MsgApp with entry \(entry.index), expected \(index)")
      }
      guard entry.term >= term else {
        throw .malformed("MsgApp with term \(entry.term) after term \(term) at index \(index)")
      }
      term = entry.term
    }
    guard term <= message.term else {
      throw .malformed("MsgApp of term \(message.term) with an entry of term \(term)")
    }
  }

  private func checkSnapshot(_ message: borrowing Message) throws(RaftError) {
    guard let snapshot = message.snapshot, !snapshot.isEmpty else { return }
    let metadata = snapshot.metadata
    guard metadata.term > 0, metadata.term <= message.term else {
      throw .malformed("MsgSnap of term \(message.term) with a snapshot of term \(metadata.term)")
    }
    do {
      var changer = ConfChanger(
        tracker: Tracker(maxInflight: 1, maxInflightBytes: 0), lastIndex: metadata.index)
      let outcome = try changer.restore(metadata.confState)
      guard outcome.config.confState.isEquivalent(to: metadata.confState) else {
        throw RaftError.confChange("it contradicts itself")
      }
    } catch {
      throw .malformed("MsgSnap with an invalid ConfState \(metadata.confState): \(error)")
    }
  }

  /// A term has one leader. Only it replicates, responds to reads and transfers leadership.
  private func checkSender(_ message: borrowing Message) throws(RaftError) {
    guard message.term == core.term, core.leader != NodeID.none, message.from != core.leader else {
      return
    }
    switch message.type {
    case .append, .heartbeat, .snapshot, .timeoutNow, .readIndexResponse:
      throw .impossible(
        "\(message.type) from \(message.from.hex) at term \(core.term), which \(core.leader.hex) "
          + "leads")
    default: break
    }
  }

  /// An index or position that a peer has received from this node in this term is within what this node
  /// has sent.
  private func checkLogPosition(_ message: borrowing Message) throws(RaftError) {
    switch message.type {
    case .heartbeat:
      guard message.commit <= core.log.lastIndex else {
        throw .impossible(
          "MsgHeartbeat commits \(message.commit), which \(message.from.hex) believes to be held "
            + "here [lastIndex(\(core.log.lastIndex))]. Was the raft log corrupted, truncated, or "
            + "lost?")
      }
    case .appendResponse where message.term == core.term && core.role == .leader:
      guard message.index <= core.log.lastIndex, message.rejectHint <= core.log.lastIndex else {
        throw .impossible(
          "MsgAppResp from \(message.from.hex) of index \(message.index), hint "
            + "\(message.rejectHint) [lastIndex(\(core.log.lastIndex))]")
      }
    case .heartbeatResponse where message.term == core.term && core.role == .leader:
      guard let position = ReadOnlyQueue.decode(message.context),
        position > core.reads.queue.position
      else { return }
      throw .impossible(
        "MsgHeartbeatResp from \(message.from.hex) confirms read \(position) before it was asked "
          + "[position(\(core.reads.queue.position))]")
    default: break
    }
  }
}
