import Engine
import Testing

struct WriteBatchTests {
  @Test func operationsAreReturnedAsTheyWereAdded() {
    var batch = WriteBatch()
    batch.put(.default, [1], [2, 3])
    batch.put(.write, [], [])
    batch.delete(.lock, [4])
    batch.deleteRange(.raft, from: [5], to: [6, 7])
    let expected: [WriteBatch.Operation] = [
      .put(.default, key: [1], value: [2, 3]), .put(.write, key: [], value: []),
      .delete(.lock, key: [4]), .deleteRange(.raft, from: [5], to: [6, 7]),
    ]
    #expect(Array(batch.operations) == expected)
    #expect(batch.count == 4)
    #expect(
      batch.description
        == "[put default 01 = 0203; put write  = ; delete lock 04; delete raft [05, 0607)]")
  }

  @Test func borrowedBytesAreCopied() {
    let bytes: [UInt8] = [1, 2, 3, 4]
    var borrowed = WriteBatch()
    let span = bytes.span.bytes
    borrowed.put(.default, span.extracting(0..<1), span.extracting(1..<3))
    borrowed.put(.default, [9], span)
    borrowed.delete(.lock, span.extracting(3..<4))
    borrowed.deleteRange(.write, from: span.extracting(0..<1), to: span.extracting(1..<2))
    var owned = WriteBatch()
    owned.put(.default, [1], [2, 3])
    owned.put(.default, [9], [1, 2, 3, 4])
    owned.delete(.lock, [4])
    owned.deleteRange(.write, from: [1], to: [2])
    #expect(borrowed == owned)
  }

  @Test func appendingKeepsBothInOrder() {
    var first = WriteBatch()
    first.put(.default, [1], [1])
    var second = WriteBatch()
    second.delete(.default, [1])
    second.put(.default, [2], [2])
    let mark = first.mark
    first.append(second)
    #expect(Array(first.operations).suffix(2).elementsEqual(second.operations))
    first.rollback(to: mark)
    #expect(first.count == 1)
    #expect(first != second)
    first.removeAll()
    #expect(first.isEmpty)
    #expect(first.byteSize == 0)
  }
}
