import Testing

@testable import Raftstore

@Suite struct DiskReserveTests {
  @Test func theReserveIsAPartOfTheDisk() {
    #expect(DiskReserve(nil).size(ofCapacity: 100 << 20) == 5 << 20)
    #expect(DiskReserve(nil).size(ofCapacity: 1 << 40) == 1 << 30)
    #expect(DiskReserve(7).size(ofCapacity: 1 << 40) == 7)
  }

  @Test func aFullDiskNeedsMoreThanTheReserveToBeUsedAgain() {
    let disk = DiskReserve(1000)
    #expect(!disk.update(capacity: 10_000, available: 1000))
    #expect(!disk.isFull)
    #expect(disk.update(capacity: 10_000, available: 999))
    #expect(disk.isFull)
    #expect(!disk.update(capacity: 10_000, available: 1099))
    #expect(disk.isFull)
    #expect(disk.update(capacity: 10_000, available: 1100))
    #expect(!disk.isFull)
  }

  @Test func noReserveAndNoKnownDiskRefuseNothing() {
    let none = DiskReserve(0)
    #expect(!none.update(capacity: 10_000, available: 0))
    let unknown = DiskReserve(1000)
    #expect(!unknown.update(capacity: 0, available: 0))
    let absurd = DiskReserve(.max)
    #expect(absurd.update(capacity: 10_000, available: 10_000))
    #expect(!absurd.update(capacity: 10_000, available: 10_000))
    #expect(absurd.isFull)
  }
}
