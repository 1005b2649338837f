import Runtime
import Synchronization
import Testing

struct MailboxTests {
  @Test func keepsOrderAndDrainsInBatches() {
    let mailbox = Mailbox<Int>(capacity: 10) {}
    for number in 0..<10 { #expect(mailbox.send(number)) }
    var batch: [Int] = []
    #expect(mailbox.drain(into: &batch, limit: 4) == .drained)
    #expect(batch == [0, 1, 2, 3])
    batch = []
    #expect(mailbox.drain(into: &batch, limit: 100) == .drained)
    #expect(batch == [4, 5, 6, 7, 8, 9])
  }

  @Test func sendIsRefusedWhenFullButPostIsNot() {
    let mailbox = Mailbox<Int>(capacity: 2) {}
    #expect(mailbox.send(1))
    #expect(mailbox.send(2))
    #expect(!mailbox.send(3))
    #expect(mailbox.post(4))
    #expect(mailbox.count == 3)
  }

  @Test func bytesAreBoundedToo() {
    let bound = MailboxBound<[UInt8]>(count: 100, bytes: 1000, cost: { $0.count })
    let mailbox = Mailbox(bound: bound) {}
    let large = [UInt8](repeating: 1, count: 400)
    #expect(mailbox.send(large))
    #expect(!mailbox.isNearCapacity)
    #expect(mailbox.send(large))
    #expect(mailbox.isNearCapacity)
    #expect(!mailbox.send(large))
    #expect(!mailbox.send(contentsOf: [large, large]))
    #expect(mailbox.send([1]))
    #expect(mailbox.post(large), "what is owed is never refused")
    var batch: [[UInt8]] = []
    #expect(mailbox.drain(into: &batch, limit: 1) == .drained)
    #expect(!mailbox.send(large), "801 bytes wait")
    batch = []
    #expect(mailbox.drain(into: &batch, limit: 10) == .drained)
    #expect(mailbox.send([UInt8](repeating: 1, count: 2000)), "alone, it passes whatever its size")
  }

  @Test func wakesOnlyAnIdleConsumer() {
    let wakes = Atomic(0)
    let mailbox = Mailbox<Int>(capacity: 10) { wakes.add(1, ordering: .relaxed) }
    _ = mailbox.send(1)
    _ = mailbox.send(2)
    #expect(wakes.load(ordering: .relaxed) == 1)
    var batch: [Int] = []
    _ = mailbox.drain(into: &batch, limit: 10)
    _ = mailbox.send(3)
    #expect(wakes.load(ordering: .relaxed) == 1, "the consumer has not looked yet")
    batch = []
    _ = mailbox.drain(into: &batch, limit: 10)
    batch = []
    #expect(mailbox.drain(into: &batch, limit: 10) == .idle)
    _ = mailbox.send(4)
    #expect(wakes.load(ordering: .relaxed) == 2)
  }

  @Test func closedMailboxDrainsAndRefusesMessages() {
    let mailbox = Mailbox<Int>(capacity: 10) {}
    _ = mailbox.send(1)
    mailbox.close()
    #expect(!mailbox.send(2))
    #expect(!mailbox.post(3))
    var batch: [Int] = []
    #expect(mailbox.drain(into: &batch, limit: 10) == .drained)
    batch = []
    #expect(mailbox.drain(into: &batch, limit: 10) == .closed)
  }
}
