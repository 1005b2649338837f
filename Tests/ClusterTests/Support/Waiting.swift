import Dispatch
import Foundation
import Runtime
import Synchronization

/// A check that failed on a thread that is not the test's: the test throws it.
struct CheckFailure: Error, CustomStringConvertible {
  let description: String

  init(_ description: String) { self.description = description }
}

/// The result of a call, for the one thread that waits for it.
final class Outcome<Value: Sendable>: Sendable {
  private let value = Mutex<Value?>(nil)
  private let arrived = BinarySemaphore()

  func set(_ new: Value) {
    value.withLock { $0 = new }
    arrived.signal()
  }

  /// Nil if there is no result within `limit`.
  func wait(_ limit: Duration) -> Value? {
    let end = Wait.now + limit
    while true {
      if let value = value.withLock({ $0 }) { return value }
      let left = end - Wait.now
      guard left > .zero else { return nil }
      arrived.wait(atMost: left)
    }
  }
}

/// Blocking waits. Tests run on threads of their own, so they block none of the test runner's.
enum Wait {
  private static let clock = SystemClock()
  /// How long a condition may take that holds within a second on an idle machine.
  static let limit = Duration.seconds(60)

  static var now: Instant { clock.now }

  static func pause(_ duration: Duration) { BinarySemaphore().wait(atMost: duration) }

  /// Waits for a condition and fails if it does not hold within the limit.
  static func until(_ what: String, _ condition: () throws -> Bool) throws {
    let end = now + limit
    while try !condition() {
      guard now < end else { throw CheckFailure("not within \(limit): \(what)") }
      pause(.milliseconds(5))
    }
  }
}

/// Runs a test on a thread of its own. Only few do at the same time: each has a cluster, which spends most of its time
/// waiting for timers and disks.
func onThread(_ body: @escaping @Sendable () throws -> Void) async throws {
  let result: Result<Void, any Error> = await withCheckedContinuation { continuation in
    Thread.detachNewThread {
      places.wait()
      let result = Result(catching: body)
      places.signal()
      continuation.resume(returning: result)
    }
  }
  try result.get()
}

private let places = DispatchSemaphore(value: 4)

/// Runs `body` on several threads at the same time and throws the first of their errors.
func concurrently(_ count: Int, _ body: @escaping @Sendable (Int) throws -> Void) throws {
  let failures = ThreadFailures()
  let threads = (0..<count).map { number in
    JoinableThread(name: "test-\(number)") {
      do { try body(number) } catch { failures.add(error) }
    }
  }
  for thread in threads { thread.join() }
  if let first = failures.all.first { throw first }
}

/// The errors of several threads.
final class ThreadFailures: Sendable {
  private let errors = Mutex<[any Error]>([])

  var all: [any Error] { errors.withLock { $0 } }
  func add(_ error: any Error) { errors.withLock { $0.append(error) } }
}
