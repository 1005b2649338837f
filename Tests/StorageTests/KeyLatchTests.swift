import Codec
import Runtime
import Synchronization
import Testing

@testable import Storage

/// Writes hold a latch together, an update holds it exclusively.
struct KeyLatchTests {
  /// The names of bodies that ran, in order.
  private final class Entries: Sendable {
    private let names = Mutex<[String]>([])
    func add(_ name: String) { names.withLock { $0.append(name) } }
    var all: [String] { names.withLock { $0 } }
  }

  private final class Tally: Sendable {
    /// Writes that hold the latch now, and 1000 for an update.
    let inside = Atomic(0)
    let overlaps = Atomic(0)
    let done = Atomic(0)
  }

  @Test func writesShareAndAnUpdateIsAlone() {
    let (latch, entries) = (KeyLatch(), Entries())
    #expect(latch.tryWrite() && latch.tryWrite())
    latch.update { entries.add("update") }
    #expect(entries.all == [], "two writes hold the latch")
    #expect(!latch.tryWrite(), "a later write is queued behind the update")
    latch.write { entries.add("write") }
    latch.endWrite()
    #expect(entries.all == [])
    latch.endWrite()
    #expect(entries.all == ["update"])
    latch.update { entries.add("second") }
    latch.endUpdate()
    #expect(entries.all == ["update", "write"])
    latch.endWrite()
    #expect(entries.all == ["update", "write", "second"])
    latch.endUpdate()
    #expect(latch.tryWrite(), "nothing is queued")
  }

  @Test func anUpdateOnlyTakesAFreeLatchAtOnce() {
    let latch = KeyLatch()
    #expect(latch.tryUpdate())
    #expect(!latch.tryUpdate() && !latch.tryWrite())
    latch.endUpdate()
    #expect(latch.tryWrite())
    #expect(!latch.tryUpdate())
    latch.endWrite()
    #expect(latch.tryUpdate())
  }

  /// Bodies that complete at once do not run recursively: a long queue would overflow the stack.
  @Test func aLongQueueIsDrainedInOneLoop() {
    let (latch, tally) = (KeyLatch(), Tally())
    #expect(latch.tryWrite())
    for _ in 0..<200_000 {
      latch.update {
        tally.done.add(1, ordering: .relaxed)
        latch.endUpdate()
      }
    }
    latch.endWrite()
    #expect(tally.done.load(ordering: .relaxed) == 200_000)
  }

  @Test func aBatchTakesAllItsLatchesAndARangeEveryOne() {
    let (latches, entries) = (KeyLatches(), Entries())
    let batch = KeyLatches.holding(
      for: (UInt8(0)...9).map { .put(cf: .default, key: [$0], value: []) })
    let range = KeyLatches.holding(
      for: [.deleteRange(cf: .default, start: [1], end: [], notifyOnly: false)])
    #expect(latches.update(.default, [5], bytes: 1) { entries.add("update") })
    #expect(latches.write(batch, bytes: 1) { entries.add("batch") })
    #expect(latches.write(range, bytes: 1) { entries.add("range") })
    #expect(entries.all == ["update"])
    latches.endUpdate(of: .default, [5])
    #expect(entries.all == ["update", "batch", "range"])
    #expect(latches.update(.write, [200], bytes: 1) { entries.add("later") })
    latches.release(batch)
    #expect(entries.all.count == 3, "the range holds the latches of all keys")
    latches.release(range)
    #expect(entries.all.last == "later")
    latches.endUpdate(of: .write, [200])
  }

  @Test func whatWaitsIsBounded() {
    let (latches, entries) = (KeyLatches(), Entries())
    let put = KeyLatches.holding(for: [.put(cf: .default, key: [5], value: [])])
    #expect(latches.update(.default, [5], bytes: 1) {})
    #expect(latches.write(put, bytes: 100 << 20) { entries.add("alone") }, "a large one may wait")
    #expect(!latches.write(put, bytes: 1) { entries.add("refused") })
    #expect(!latches.update(.default, [5], bytes: 1) { entries.add("refused") })
    #expect(latches.update(.default, [6], bytes: 1) { entries.add("free") }, "it need not wait")
    latches.endUpdate(of: .default, [6])
    let batch = KeyLatches.holding(
      for: [.delete(cf: .default, key: [5]), .delete(cf: .default, key: [6])])
    #expect(!latches.write(batch, bytes: 1) { entries.add("refused") })
    latches.endUpdate(of: .default, [5])
    #expect(entries.all == ["free", "alone"])
    latches.release(put)
    // The refused batch holds nothing.
    for key in [[UInt8(5)], [6]] {
      #expect(latches.update(.default, key, bytes: 1) { entries.add("after") })
      latches.endUpdate(of: .default, key)
    }
    #expect(entries.all == ["free", "alone", "after", "after"])
  }

  /// An attempt of a batch that fails at one latch releases those it has acquired.
  @Test func aFailedAttemptHoldsNothing() {
    let latches = KeyLatches()
    let keys = (UInt8(0)...9).sorted {
      KeyLatches.index(.default, [$0]) < KeyLatches.index(.default, [$1])
    }
    let batch = KeyLatches.holding(for: keys.map { .delete(cf: .default, key: [$0]) })
    let tally = Tally()
    let update: @Sendable (UInt8) -> Void = { key in
      _ = latches.update(.default, [key], bytes: 1) { tally.done.add(1, ordering: .relaxed) }
    }
    update(keys[9])
    #expect(!latches.tryWrite(batch))
    for key in keys[..<9] { update(key) }
    #expect(tally.done.load(ordering: .relaxed) == 10)
    for key in keys { latches.endUpdate(of: .default, [key]) }
    #expect(latches.tryWrite(batch))
    latches.release(batch)
  }

  /// Many threads: no update overlaps with another request of its key, and all bodies run.
  @Test func threadsNeverOverlapWithAnUpdate() {
    let (latches, tally) = (KeyLatches(), Tally())
    let (threads, rounds) = (4, 5000)
    let workers = (0..<threads).map { number in
      JoinableThread(name: "latch-\(number)") {
        var random = SplitMix64(seed: UInt64(number))
        for _ in 0..<rounds {
          let isUpdate = random.next() % 3 == 0
          if isUpdate { Self.update(latches, tally) } else { Self.write(latches, tally) }
        }
      }
    }
    for worker in workers { worker.join() }
    #expect(tally.overlaps.load(ordering: .relaxed) == 0)
    #expect(tally.done.load(ordering: .relaxed) == threads * rounds)
    #expect(tally.inside.load(ordering: .relaxed) == 0)
  }

  private static func update(_ latches: KeyLatches, _ tally: Tally) {
    let finished = BinarySemaphore()
    let isTaken = latches.update(.default, [7], bytes: 1) {
      let before = tally.inside.add(1000, ordering: .sequentiallyConsistent).oldValue
      if before != 0 { tally.overlaps.add(1, ordering: .relaxed) }
      tally.inside.subtract(1000, ordering: .sequentiallyConsistent)
      tally.done.add(1, ordering: .relaxed)
      latches.endUpdate(of: .default, [7])
      finished.signal()
    }
    if isTaken { finished.wait(atMost: .seconds(10)) }
  }

  private static func write(_ latches: KeyLatches, _ tally: Tally) {
    let finished = BinarySemaphore()
    let holding = KeyLatches.holding(for: [.delete(cf: .default, key: [7])])
    let write: @Sendable () -> Void = {
      let before = tally.inside.add(1, ordering: .sequentiallyConsistent).oldValue
      if before >= 1000 { tally.overlaps.add(1, ordering: .relaxed) }
      tally.inside.subtract(1, ordering: .sequentiallyConsistent)
      tally.done.add(1, ordering: .relaxed)
      latches.release(holding)
      finished.signal()
    }
    if latches.tryWrite(holding) {
      write()
    } else if latches.write(holding, bytes: 1, write) {
      finished.wait(atMost: .seconds(10))
    }
  }
}
