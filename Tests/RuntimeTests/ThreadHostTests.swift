import Runtime
import Synchronization
import Testing

struct ThreadHostTests {
  /// Adds up what it is sent and reports the sum after each batch.
  struct Adder: Handler {
    let total: Box
    var sum = 0

    mutating func handle(_ batch: [Int]) { sum += batch.reduce(0, +) }
    mutating func flush() { total.value.withLock { $0 = (sum, $0.1 + 1, $0.2) } }
    mutating func stop() { total.value.withLock { $0.2 = true } }
  }

  final class Box: Sendable {
    let value = Mutex((0, 0, false))
  }

  @Test func handlesEverythingSentByManyThreadsAndStops() {
    let host = ThreadHost()
    let box = Box()
    let worker = host.spawn(name: "adder", capacity: 1 << 20) { _ in Adder(total: box) }
    let senders = (0..<4).map { _ in
      JoinableThread(name: "sender") {
        for number in 1...10_000 { precondition(worker.mailbox.send(number)) }
      }
    }
    for sender in senders { sender.join() }
    worker.stop()
    let (sum, flushes, stopped) = box.value.withLock { $0 }
    #expect(sum == 4 * 50_005_000)
    #expect(flushes >= 1 && flushes <= 40_000)
    #expect(stopped)
    host.shutdown()
  }

  @Test func timersFireInOrderAndCanBeCancelled() {
    let host = ThreadHost()
    let fired = Mutex<[String]>([])
    let semaphore = BinarySemaphore()
    let never = host.after(.milliseconds(20)) { fired.withLock { $0.append("never") } }
    never.cancel()
    _ = host.after(.milliseconds(40)) {
      fired.withLock { $0.append("second") }
      semaphore.signal()
    }
    _ = host.after(.milliseconds(10)) { fired.withLock { $0.append("first") } }
    semaphore.wait(atMost: .seconds(10))
    #expect(fired.withLock { $0 } == ["first", "second"])
    host.shutdown()
  }

  @Test func repeatingTimerStopsWhenCancelled() {
    let host = ThreadHost()
    let count = Atomic(0)
    let semaphore = BinarySemaphore()
    let timer = host.every(.milliseconds(2)) {
      if count.add(1, ordering: .relaxed).newValue == 5 { semaphore.signal() }
    }
    semaphore.wait(atMost: .seconds(10))
    timer.cancel()
    #expect(count.load(ordering: .relaxed) >= 5)
    host.shutdown()
  }

  /// A timer that is always due would keep the thread from all others.
  @Test(.timeLimit(.minutes(1))) func anIntervalOfZeroDoesNotStarveOtherTimers() {
    let host = ThreadHost()
    let semaphore = BinarySemaphore()
    let fired = Atomic(0)
    let eager = host.every(.zero) { fired.add(1, ordering: .relaxed) }
    _ = host.after(.milliseconds(30)) { semaphore.signal() }
    semaphore.wait()
    eager.cancel()
    #expect(fired.load(ordering: .relaxed) >= 1)
    host.shutdown()
  }

  @Test func aDelayThatOverflowsIsLaterThanOthers() {
    let host = ThreadHost()
    let semaphore = BinarySemaphore()
    let never = host.after(.seconds(Int64.max)) { Issue.record("fired") }
    _ = host.after(.milliseconds(1)) { semaphore.signal() }
    semaphore.wait()
    never.cancel()
    host.shutdown()
  }

  @Test func completionIsCalledOnce() {
    let results = Mutex<[Int]>([])
    let completion = Completion<Int>(abandoned: -1) { value in results.withLock { $0.append(value) }
    }
    completion(7)
    #expect(results.withLock { $0 } == [7])
  }
}
