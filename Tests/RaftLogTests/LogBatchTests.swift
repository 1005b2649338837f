import Raft
import RaftLog
import Testing

@Suite struct LogBatchTests {
  private func entries(_ range: ClosedRange<UInt64>, bytes: Int) -> [Entry] {
    range.map { Entry(term: 1, index: $0, data: [UInt8](repeating: 1, count: bytes)) }
  }

  /// Written one after the other the pieces do what the batch does.
  @Test(arguments: [1, 100, 500, 2000, 1 << 20])
  func piecesAreTheBatch(limit: Int) throws {
    var batch = LogBatch()
    batch.append(1, entries(1...20, bytes: 100))
    batch.setHardState(1, HardState(term: 1, vote: 2, commit: 3))
    batch.append(1, entries(15...30, bytes: 10))
    batch.reset(2, index: 5, term: 1, hardState: HardState(term: 1))
    batch.append(2, entries(6...8, bytes: 1500))
    batch.put(1, key: [1], value: [2])
    batch.compact(1, to: 4, term: 1)
    batch.destroy(3, tombstone: [9])
    let pieces = batch.pieces(ofAbout: limit)
    if limit == 1 << 20 { #expect(pieces.count == 1) }
    for piece in pieces {
      let isOneEntry =
        if case .append(_, let entries)? = piece.operations.last { entries.count == 1 } else {
          false
        }
      // Small records may end a piece a little above the limit.
      #expect(piece.byteSize <= limit + 100 || isOneEntry)
      #expect(!piece.isEmpty)
    }
    let undivided = MemoryLogStore()
    let divided = MemoryLogStore()
    _ = try undivided.write(batch, .synced)
    for piece in pieces { _ = try divided.write(piece, .synced) }
    for region in 1...3 as ClosedRange<UInt64> {
      #expect(undivided.lastIndex(region) == divided.lastIndex(region))
      #expect(undivided.hardState(region) == divided.hardState(region))
      #expect(undivided.truncated(region) == divided.truncated(region))
      let range = (undivided.truncated(region).index + 1, undivided.lastIndex(region) + 1)
      guard range.0 < range.1 else { continue }
      #expect(
        try undivided.entries(region, from: range.0, to: range.1, maxBytes: .max)
          == divided.entries(region, from: range.0, to: range.1, maxBytes: .max))
    }
  }

  @Test func anEmptyBatchIsOnePiece() {
    #expect(LogBatch().pieces(ofAbout: 10).count == 1)
  }
}
