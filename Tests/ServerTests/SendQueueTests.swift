import Codec
import Raft
import Testing

@testable import Server

struct SendQueueTests {
  private func envelope(_ type: MessageType, _ index: UInt64, bytes: Int = 0) -> RaftEnvelope {
    var message = Message(type)
    message.index = index
    if bytes > 0 {
      message.entries = [Entry(term: 1, index: index, data: [UInt8](repeating: 1, count: bytes))]
    }
    return RaftEnvelope(
      regionID: 1, from: PeerInfo(id: 1, storeID: 1), to: PeerInfo(id: 2, storeID: 2),
      message: message, epoch: RegionEpoch(confVersion: 1, version: 1))
  }

  /// Behind 48 MB of appends a heartbeat is the next to leave, and order is kept otherwise.
  @Test("Heartbeats and votes are sent before entries")
  func urgentFirst() {
    var queue = SendQueue()
    for index: UInt64 in 1...8 {
      let isTaken = queue.append([envelope(.append, index, bytes: 6 << 20)])
      #expect(isTaken)
    }
    let urgent: [MessageType] = [
      .heartbeat, .vote, .preVoteResponse, .heartbeatResponse, .preVote, .voteResponse,
    ]
    for (index, type) in urgent.enumerated() {
      let isTaken = queue.append([envelope(type, UInt64(100 + index))])
      #expect(isTaken)
    }
    let first = queue.takeBatch()
    #expect(first.map { $0.message?.type } == urgent)
    var rest: [UInt64] = []
    while !queue.isEmpty {
      let batch = queue.takeBatch()
      #expect(batch.count == 1, "each is larger than a batch")
      rest += batch.compactMap { $0.message?.index }
    }
    #expect(rest == Array(1...8))
    let nothing = queue.takeBatch()
    #expect(nothing.isEmpty)
  }

  @Test("Small messages share a batch")
  func batches() {
    var queue = SendQueue()
    let isTaken = queue.append((1...300).map { envelope(.appendResponse, $0) })
    #expect(isTaken)
    let (first, second) = (queue.takeBatch(), queue.takeBatch())
    #expect(first.count == SendQueue.maxBatchMessages && second.count == 44)
    #expect(queue.isEmpty)
  }

  @Test("The queue is limited in messages and bytes")
  func limits() {
    var queue = SendQueue()
    let all = (1...UInt64(SendQueue.maxMessages)).map { envelope(.appendResponse, $0) }
    let isTaken = queue.append(all)
    let isMoreTaken = queue.append([envelope(.heartbeat, 1)])
    #expect(isTaken && !isMoreTaken && queue.count == SendQueue.maxMessages)
    while !queue.isEmpty { _ = queue.takeBatch() }

    var large = SendQueue()
    let quarter = envelope(.append, 1, bytes: SendQueue.maxBytes / 4)
    let isAllowed = large.append([quarter, quarter, quarter])
    let isTooMuchTaken = large.append([quarter])
    #expect(isAllowed && !isTooMuchTaken && large.count == 3)
    _ = large.takeBatch()
    let isTakenAfterwards = large.append([quarter])
    #expect(isTakenAfterwards)
    // Whatever its size, a single message is not kept from leaving for ever.
    var empty = SendQueue()
    let isHugeTaken = empty.append([quarter, quarter, quarter, quarter, quarter])
    #expect(isHugeTaken)
  }
}
