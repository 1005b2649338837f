/// The type of a message: etcd's `MessageType` with its numbers. Each says which fields of `Message` it uses
/// beside `to`, `from` and `term`.
package enum MessageType: UInt8, Sendable, Hashable, CaseIterable {
  /// Local: the node campaigns.
  case hup = 0
  /// Local: the leader sends heartbeats.
  case beat = 1
  /// A proposal of `entries`, which a follower forwards. Of no term.
  case propose = 2
  /// `entries` that follow the entry of `index` and `logTerm`, and the leader's `commit`.
  case append = 3
  /// The last matching `index`; or `reject` of the append after `index`, with `rejectHint` and its
  /// `logTerm`, the last entry at which the logs may match.
  case appendResponse = 4
  /// A vote request of a candidate whose log ends at `index` and `logTerm`, with its `priority`. The
  /// `context` distinguishes a leadership transfer.
  case vote = 5
  /// A vote, or `reject`.
  case voteResponse = 6
  /// A `snapshot`.
  case snapshot = 7
  /// A `commit` index that the follower is known to hold, and the read position in `context`.
  case heartbeat = 8
  /// The `context` of the heartbeat.
  case heartbeatResponse = 9
  /// Local: a message to `from` was not delivered.
  case unreachable = 10
  /// Local: a snapshot was delivered to `from`, or not (`reject`).
  case snapshotStatus = 11
  /// Local: the leader checks whether a quorum is active.
  case checkQuorum = 12
  /// A request to transfer leadership to `from`. Of no term.
  case transferLeader = 13
  /// The leader's request to campaign at once.
  case timeoutNow = 14
  /// A read request whose context is the data of its one entry. Forwarded, and then of no term.
  case readIndex = 15
  /// The read `index` for the context in its one entry.
  case readIndexResponse = 16
  /// Like `vote`, in the term the candidate would have.
  case preVote = 17
  /// A pre-vote in the term of the request, or `reject` in the voter's own term.
  case preVoteResponse = 18
  /// To the append thread: `entries`, hard state (`term`, `vote`, `commit`) and `snapshot` to store, and
  /// `responses` to deliver afterwards. Without a hard state all three are 0.
  case storageAppend = 19
  /// From the append thread: the log up to `index` and `logTerm` and the `snapshot` are stored.
  case storageAppendResponse = 20
  /// To the apply thread: committed `entries`, and `responses` to deliver afterwards.
  case storageApply = 21
  /// From the apply thread: `entries` are applied.
  case storageApplyResponse = 22
  /// A follower forgets its leader.
  case forgetLeader = 23
}

extension MessageType {
  /// Whether the type is never sent to another node.
  package var isLocal: Bool {
    switch self {
    case .hup, .beat, .unreachable, .snapshotStatus, .checkQuorum, .storageAppend,
      .storageAppendResponse, .storageApply, .storageApplyResponse:
      true
    default: false
    }
  }

  /// Whether the type responds to another message, and so is only valid from a tracked node.
  package var isResponse: Bool {
    switch self {
    case .appendResponse, .voteResponse, .heartbeatResponse, .unreachable, .readIndexResponse,
      .preVoteResponse, .storageAppendResponse, .storageApplyResponse:
      true
    default: false
    }
  }

  /// Whether the type belongs to an election. Its term may be another than the sender's.
  var isVoting: Bool {
    switch self {
    case .vote, .voteResponse, .preVote, .preVoteResponse: true
    default: false
    }
  }
}

/// A message between nodes, or between a node and its storage threads. One type with all fields, as in etcd:
/// `MessageType` says which a type uses. Unused fields are 0 or empty.
package struct Message: Sendable, Equatable {
  package var to: UInt64 = 0
  package var from: UInt64 = 0
  /// The sender's term; 0 for local and forwarded messages.
  package var term: UInt64 = 0
  /// The term of the entry at `index`.
  package var logTerm: UInt64 = 0
  package var index: UInt64 = 0
  package var commit: UInt64 = 0
  package var vote: UInt64 = 0
  package var rejectHint: UInt64 = 0
  /// The election priority of a candidate; see `Config.priority`.
  package var priority: Int64 = 0
  package var entries: [Entry] = []
  package var context: [UInt8] = []
  /// Messages to deliver when a storage thread has done the work of this one, in order.
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
