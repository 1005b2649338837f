/// Kinds of messages. Numbers are etcd's.
package enum MessageType: UInt8, Sendable, Hashable, CaseIterable {
  case hup = 0
  case beat = 1
  case propose = 2
  case append = 3
  case appendResponse = 4
  case vote = 5
  case voteResponse = 6
  case snapshot = 7
  case heartbeat = 8
  case heartbeatResponse = 9
  case unreachable = 10
  case snapshotStatus = 11
  case checkQuorum = 12
  case transferLeader = 13
  case timeoutNow = 14
  case readIndex = 15
  case readIndexResponse = 16
  case preVote = 17
  case preVoteResponse = 18
  case storageAppend = 19
  case storageAppendResponse = 20
  case storageApply = 21
  case storageApplyResponse = 22
  case forgetLeader = 23
}

extension MessageType {
  /// Whether the type never crosses the network.
  package var isLocal: Bool {
    switch self {
    case .hup, .beat, .unreachable, .snapshotStatus, .checkQuorum, .storageAppend,
      .storageAppendResponse, .storageApply, .storageApplyResponse:
      true
    default: false
    }
  }

  /// Whether the type responses another message.
  package var isResponse: Bool {
    switch self {
    case .appendResponse, .voteResponse, .heartbeatResponse, .unreachable, .readIndexResponse,
      .preVoteResponse, .storageAppendResponse, .storageApplyResponse:
      true
    default: false
    }
  }

  /// Whether the type belongs to an election, and so carries its own term.
  var isVoting: Bool {
    switch self {
    case .vote, .voteResponse, .preVote, .preVoteResponse: true
    default: false
    }
  }
}

/// What nodes, and a node and its storage threads, say to each other.
package struct Message: Sendable, Equatable {
  package var to: UInt64 = 0
  package var from: UInt64 = 0
  package var term: UInt64 = 0
  package var logTerm: UInt64 = 0
  package var index: UInt64 = 0
  package var commit: UInt64 = 0
  package var vote: UInt64 = 0
  package var rejectHint: UInt64 = 0
  /// The sender's election priority; only sent when the option is used.
  package var priority: Int64 = 0
  package var entries: [Entry] = []
  package var context: [UInt8] = []
  /// What to deliver once a storage thread has done its work.
  package var responses: [Message] = []
  package var snapshot: Snapshot?
  package var type: MessageType
  package var reject = false

  package init(_ type: MessageType, to: UInt64 = 0, from: UInt64 = 0, term: UInt64 = 0) {
    self.type = type
    self.to = to
    self.from = from
    self.term = term
  }
}
