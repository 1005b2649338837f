import Codec
import Runtime
import Storage
import Synchronization
import Testing

@testable import Server

struct ReadPoolTests {
  /// Entries in the order in which they were made, and a way to wait for a number of them.
  private final class Journal: Sendable {
    private let entries = Mutex<[String]>([])
    private let semaphore = BinarySemaphore()

    func note(_ entry: String) {
      entries.withLock { $0.append(entry) }
      semaphore.signal()
    }

    var all: [String] { entries.withLock { $0 } }

    func wait(for count: Int) throws -> [String] {
      for _ in 0..<1000 {
        if all.count >= count { return all }
        semaphore.wait(atMost: .seconds(1))
      }
      throw TooLate()
    }

    struct TooLate: Error {}
  }

  @Test("A read that yields queues behind the reads that wait", .timeLimit(.minutes(1)))
  func yieldedReadsQueueLast() throws {
    let host = ThreadHost()
    let pool = ReadPool(host: host)
    let journal = Journal()
    let gates = [Journal(), Journal(), Journal()]
    let turns = pool.turns(RequestContext())
    // Each thread that takes long reads is blocked until all reads are queued.
    for (number, gate) in gates.enumerated() {
      #expect(
        pool.run(.long) {
          if (try? gate.wait(for: 1)) == nil { journal.note("no gate") }
          let outcome = turns.yield(10) { journal.note("rest \(number)") }
          if outcome != .queued { journal.note("not queued") }
        })
    }
    for number in 0..<3 { #expect(pool.run(.long) { journal.note("other \(number)") }) }
    for gate in gates { gate.note("open") }
    let order = try journal.wait(for: 6)
    #expect(Set(order).count == 6)
    for number in 0..<3 { #expect(order.contains("rest \(number)")) }
    #expect(order.first?.hasPrefix("other") == true, "\(order)")
    pool.stop()
    host.shutdown()
  }

  @Test("The bytes held by unfinished reads are bounded", .timeLimit(.minutes(1)))
  func heldBytesAreBounded() throws {
    let host = ThreadHost()
    let pool = ReadPool(host: host)
    let turns = pool.turns(RequestContext())
    let journal = Journal()
    let gates = [Journal(), Journal(), Journal()]
    for gate in gates {
      #expect(pool.run(.long) { if (try? gate.wait(for: 1)) == nil { journal.note("no gate") } })
    }
    #expect(turns.yield(200 << 20) { journal.note("first") } == .queued)
    #expect(turns.yield(100 << 20) { journal.note("never") } == .refused)
    for gate in gates { gate.note("open") }
    #expect(try journal.wait(for: 1) == ["first"])
    // The first read no longer holds any bytes.
    #expect(turns.yield(100 << 20) { journal.note("second") } == .queued)
    #expect(try journal.wait(for: 2) == ["first", "second"])
    pool.stop()
    #expect(turns.yield(1) { journal.note("never") } == .stopped)
    #expect(journal.all.count == 2)
    host.shutdown()
  }

  @Test("A client's execution limit shortens the deadline, never lengthens it")
  func deadlineFollowsTheClientsLimit() {
    let host = ThreadHost()
    let pool = ReadPool(host: host)
    let now = host.clock.now
    func limit(_ milliseconds: UInt64) -> Duration {
      pool.turns(RequestContext(maxExecutionMs: milliseconds)).deadline - now
    }
    #expect(limit(0) >= .seconds(60))
    #expect(limit(.max) >= .seconds(60))
    #expect(limit(.max) < .seconds(3600))
    #expect(limit(5) < .seconds(60))
    pool.stop()
    host.shutdown()
  }
}
