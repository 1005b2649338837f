import Codec
import Raft

/// Raft messages that wait for the stream to one store, limited in number and bytes.
///
/// Heartbeats, votes and their responses are sent before other messages: behind tens of megabytes of entries they
/// would arrive after the election timeout. Raft permits any order of messages; within each of the two classes
/// the order is kept.
struct SendQueue {
  static let maxMessages = 16_384
  static let maxBytes = 256 << 20
  static let maxBatchMessages = 256
  /// Bytes at which a batch is complete. TiKV's limit is 10 MB; a smaller one shortens the wait of urgent
  /// messages for the batch that is being sent.
  static let maxBatchBytes = 1 << 20

  private var urgent: [RaftEnvelope] = []
  private var others: [RaftEnvelope] = []
  private var bytes = 0

  var count: Int { urgent.count + others.count }
  var isEmpty: Bool { urgent.isEmpty && others.isEmpty }

  /// Queues all of `envelopes`, or none and returns false if they exceed a limit. An empty queue accepts any
  /// number of bytes.
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

  /// Removes and returns the next batch: only urgent messages if there are any; empty if nothing waits.
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
  /// Whether the message is small and elections depend on it.
  fileprivate var isUrgent: Bool {
    switch message?.type {
    // Messages beside the raft protocol.
    case nil: true
    case .heartbeat, .heartbeatResponse, .vote, .voteResponse, .preVote, .preVoteResponse: true
    default: false
    }
  }
}
