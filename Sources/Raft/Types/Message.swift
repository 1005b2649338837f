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
