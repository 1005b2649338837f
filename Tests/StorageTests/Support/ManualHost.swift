import Runtime
import Synchronization

/// A host whose time stands still until a test advances it. Workers have threads of their own.
final class ManualHost: WorkerHost {
  private final class ManualClock: Clock {
    let milliseconds = Atomic<UInt64>(1_000_000)
    var now: Instant {
      Instant(nanoseconds: milliseconds.load(ordering: .sequentiallyConsistent) * 1_000_000)
    }
    var wallMilliseconds: UInt64 { milliseconds.load(ordering: .sequentiallyConsistent) }
  }

  private struct Timer {
    var deadline: Instant
    var fire: @Sendable () -> Void
  }

  private struct Token: Cancellable {
    let host: ManualHost
    let id: Int
    func cancel() { host.timers.withLock { _ = $0.removeValue(forKey: id) } }
  }

  private let time = ManualClock()
  private let threads = ThreadHost()
  private let timers = Mutex<[Int: Timer]>([:])
  private let nextID = Atomic(0)

  var clock: any Clock { time }
  /// The timers that have neither fired nor been canceled.
  var timerCount: Int { timers.withLock { $0.count } }

  func spawn<H: Handler>(
    name: String, bound: MailboxBound<H.Message>,
    make: @escaping @Sendable (Mailbox<H.Message>) -> H
  ) -> Worker<H.Message> {
    threads.spawn(name: name, bound: bound, make: make)
  }

  func every(_ interval: Duration, _ fire: @escaping @Sendable () -> Void) -> any Cancellable {
    threads.every(interval, fire)
  }

  func after(_ delay: Duration, _ fire: @escaping @Sendable () -> Void) -> any Cancellable {
    let id = nextID.add(1, ordering: .relaxed).newValue
    timers.withLock { $0[id] = Timer(deadline: time.now + delay, fire: fire) }
    return Token(host: self, id: id)
  }

  /// Lets time pass, a millisecond at a time, and fires what is due.
  func advance(milliseconds: Int) {
    for _ in 0..<milliseconds {
      time.milliseconds.add(1, ordering: .sequentiallyConsistent)
      let now = time.now
      let due = timers.withLock { timers in
        let due = timers.filter { $0.value.deadline <= now }.sorted { $0.key < $1.key }
        for (id, _) in due { timers[id] = nil }
        return due.map(\.value.fire)
      }
      for fire in due { fire() }
    }
  }
}
