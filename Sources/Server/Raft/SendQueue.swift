import Codec
import Raft

/// Raft messages that wait for the stream to one other store; bounded in messages and bytes.
///
/// Heartbeats, votes and their responses overtake everything else: behind tens of megabytes of entries they
/// would arrive after the election timeout. Raft allows it, for messages may arrive in any order; within each
/// of the two classes order is kept.
struct SendQueue {
  static let maxMessages = 16_384
  static let maxBytes = 256 << 20
  static let maxBatchMessages = 256
  /// Bytes at which a batch is complete. TiKV's limit is 10 MB; with less, an urgent message waits for less
  /// that is under way already.
  static let maxBatchBytes = 1 << 20

  private var urgent: [RaftEnvelope] = []
  private var others: [RaftEnvelope] = []
  private var bytes = 0

  var count: Int { urgent.count + others.count }
  var isEmpty: Bool { urgent.isEmpty && others.isEmpty }

  /// Queues all of `envelopes`; returns false, and queues none, when they are too many. An empty queue takes
  /// any bytes.
  mutating func append(_ envelopes: [RaftEnvelope]) -> Bool {
    let size = envelopes.reduce(0) { $0 + $1.approximateSize }
    guard count + envelopes.count <= Self.maxMessages, bytes + size <= Self.maxBytes || isEmpty
    else { return false }
    for envelope in envelopes {
      if envelope.isUrgent { urgent.append(envelope) } else { others.append(envelope) }
    }
    bytes += size
    return true
  }

  /// Takes out the next batch: urgent messages by themselves, if there are any; empty when nothing waits.
  mutating func takeBatch() -> [RaftEnvelope] {
    let batch = urgent.isEmpty ? Self.take(from: &others) : Self.take(from: &urgent)
    bytes -= batch.reduce(0) { $0 + $1.approximateSize }
    return batch
  }

  private static func take(from queue: inout [RaftEnvelope]) -> [RaftEnvelope] {
    var count = 0
    var bytes = 0
    for envelope in queue.prefix(maxBatchMessages) {
      let size = envelope.approximateSize
      if count > 0, bytes + size > maxBatchBytes { break }
      count += 1
      bytes += size
    }
    if count == queue.count {
      defer { queue = [] }
      return queue
    }
    let batch = Array(queue[..<count])
    queue.removeFirst(count)
    return batch
  }
}

extension RaftEnvelope {
  /// Whether the message is small and decides over leadership.
  fileprivate var isUrgent: Bool {
    switch message?.type {
    case .heartbeat, .heartbeatResponse, .vote, .voteResponse, .preVote, .preVoteResponse: true
    default: false
    }
  }
}
