@testable import Raft

/// Entries of these terms with the indexes that follow `offset`.
func entries(_ terms: [UInt64], after offset: UInt64 = 0) -> [Entry] {
  zip(terms, (offset + 1)...).map { Entry(term: $0, index: $1) }
}

func proposal(from id: UInt64, _ text: String = "somedata") -> Message {
  var message = Message(.propose, from: id)
  message.to = id
  message.entries = [Entry(data: Array(text.utf8))]
  return message
}

func message(
  _ type: MessageType, from: UInt64, to: UInt64, term: UInt64 = 0, logTerm: UInt64 = 0,
  index: UInt64 = 0, commit: UInt64 = 0, entries: [Entry] = [], reject: Bool = false,
  hint: UInt64 = 0, context: [UInt8] = [], snapshot: Snapshot? = nil
) -> Message {
  var message = Message(type, to: to, from: from, term: term)
  message.logTerm = logTerm
  message.index = index
  message.commit = commit
  message.entries = entries
  message.reject = reject
  message.rejectHint = hint
  message.context = context
  message.snapshot = snapshot
  return message
}

func snapshot(
  at index: UInt64, term: UInt64, voters: [UInt64] = [], learners: [UInt64] = [],
  outgoing: [UInt64] = []
) -> Snapshot {
  Snapshot(
    metadata: SnapshotMetadata(
      confState: ConfState(voters: voters, learners: learners, votersOutgoing: outgoing),
      index: index, term: term))
}

func bytes(_ text: String) -> [UInt8] { Array(text.utf8) }

/// A log over a memory storage with everything at its default.
func makeLog(
  _ storage: MemoryStorage = MemoryStorage(), maxApplyingSize: UInt64 = .max
) -> RaftLog<MemoryStorage> {
  RaftLog(storage: storage, maxApplyingSize: maxApplyingSize, sink: LogSink(logger: nil))
}

extension Role {
  /// The role of one that failed to be elected.
  static func campaigning(preVote: Bool) -> Role { preVote ? .preCandidate : .candidate }
}
