import Codec
import Raft
import Testing

struct FieldCountTests {
  private func isRefused(_ bytes: [UInt8], depth: Int) -> Bool {
    do throws(CodecError) {
      try FieldCount.check(bytes.span.bytes, depth: depth)
      return false
    } catch {
      return true
    }
  }

  private func block(_ field: UInt8, _ content: [UInt8]) -> [UInt8] {
    var bytes = [field << 3 | 2]
    var rest = content.count
    while rest >= 0x80 {
      bytes.append(UInt8(truncatingIfNeeded: rest) | 0x80)
      rest >>= 7
    }
    return bytes + [UInt8(rest)] + content
  }

  private func elements(_ count: Int) -> [UInt8] {
    (0..<count).flatMap { _ in [0x12, 0] as [UInt8] }
  }

  @Test func fieldsAreCountedDownToTheGivenDepth() {
    let limit = FieldCount.limit
    #expect(!isRefused([], depth: 3))
    #expect(!isRefused(elements(limit), depth: 1))
    #expect(isRefused(elements(limit + 1), depth: 1))
    let nested = block(1, elements(limit))
    #expect(!isRefused(nested + [8, 0], depth: 1))
    #expect(isRefused(nested, depth: 2))
    #expect(isRefused(block(4, nested), depth: 3))
    #expect(!isRefused(block(4, nested), depth: 2))
    // Together, too.
    let half = block(1, elements(limit / 2))
    #expect(!isRefused(half, depth: 2))
    #expect(isRefused(half + half, depth: 2))
  }

  @Test func bytesThatAreNoMessageCountOnce() {
    let value = [UInt8](repeating: 0, count: 4 * FieldCount.limit)
    #expect(!isRefused(block(3, value), depth: 3))
    // Many fields, then bytes that no message has.
    #expect(!isRefused(block(3, elements(FieldCount.limit - 1) + [0xff]), depth: 2))
  }

  @Test func whatIsMalformedIsForTheDecoder() {
    #expect(!isRefused(elements(FieldCount.limit) + [0xff], depth: 1))
    #expect(!isRefused([UInt8](repeating: 0xff, count: 4 * FieldCount.limit), depth: 4))
  }

  /// The fullest batch that a store sends: as many entries as fit, the smallest there are.
  @Test func aFullBatchOfRaftMessagesPasses() throws {
    let header = CommandHeader(
      regionID: 2, peer: PeerInfo(id: 3, storeID: 1), epoch: .initial, term: 6)
    var requests = RequestList()
    requests.put(.default, [1], [])
    let data = CommandCodec.encode(header, [requests])
    let count = (9 << 20) / (data.count + 24)
    let entries = (0..<UInt64(count)).map { Raft.Entry(term: 6, index: 1 << 40 + $0, data: data) }
    var message = Raft.Message(.append, to: 3, from: 4, term: 6)
    message.entries = entries
    let envelope = RaftEnvelope(
      regionID: 2, from: PeerInfo(id: 4, storeID: 2), to: PeerInfo(id: 3, storeID: 1),
      message: message)
    #expect(!isRefused(RaftBatch(messages: [envelope]).encoded(), depth: 3))
  }
}
