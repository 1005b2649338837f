package import Codec
package import Engine
package import Raft
package import RaftLog
package import Runtime

/// One peer's write to the raft log. Tasks of one peer are written in the order they were posted.
///
/// The order inside a task is fixed: `data` into the KV engine with a barrier (the *applying* state of
/// a snapshot must be durable before the log says so), then `log`, then `messages` leave and
/// `responses` go back to the raft worker.
package struct LogWriteTask: Sendable {
  package var regionID: UInt64
  package var peerID: UInt64
  /// Ascends within one peer; told back when the task is done.
  package var number: UInt64
  /// Whether the raft worker must hear of the end although there are no `responses`.
  package var needsAck: Bool
  package var data: WriteBatch?
  package var log: LogBatch
  package var durability: Durability
  package var messages: [RaftEnvelope]
  package var responses: [Message]

  package init(
    regionID: UInt64, peerID: UInt64, number: UInt64, needsAck: Bool = false,
    data: WriteBatch? = nil, log: LogBatch, durability: Durability,
    messages: [RaftEnvelope] = [], responses: [Message] = []
  ) {
    self.regionID = regionID
    self.peerID = peerID
    self.number = number
    self.needsAck = needsAck
    self.data = data
    self.log = log
    self.durability = durability
    self.messages = messages
    self.responses = responses
  }
}
