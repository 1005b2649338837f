import Synchronization

/// A thread that fires timers in order of their deadlines. It is started with the first timer.
final class TimerThread: Sendable {
  private struct Entry {
    var deadline: Instant
    var interval: Duration?
    var fire: @Sendable () -> Void
    var id: UInt64
  }

  private struct State {
    /// Sorted by deadline, latest first: the next one is removed from the end.
    var entries: [Entry] = []
    var nextID: UInt64 = 0
    var isStopped = false
    var isStarted = false
  }

  private struct Token: Cancellable {
    let owner: TimerThread
    let id: UInt64

    func cancel() {
      owner.state.withLock { $0.entries.removeAll { $0.id == id } }
    }
  }

  private let state = Mutex(State())
  private let clock: any Clock
  private let semaphore = BinarySemaphore()
  private let thread = Mutex<JoinableThread?>(nil)

  init(clock: any Clock) {
    self.clock = clock
  }

  func schedule(
    after delay: Duration, repeating interval: Duration?, _ fire: @escaping @Sendable () -> Void
  ) -> any Cancellable {
    // With an interval of 0 the thread would never wait, nor fire a timer that is due later.
    let interval = interval.map { max($0, .milliseconds(1)) }
    let deadline = clock.now + delay
    let (id, mustStart) = state.withLock { state in
      state.nextID += 1
      let entry = Entry(deadline: deadline, interval: interval, fire: fire, id: state.nextID)
      Self.insert(entry, into: &state.entries)
      let mustStart = !state.isStarted && !state.isStopped
      state.isStarted = true
      return (state.nextID, mustStart)
    }
    if mustStart {
      thread.withLock { $0 = JoinableThread(name: "timer") { self.run() } }
    }
    semaphore.signal()
    return Token(owner: self, id: id)
  }

  func stop() {
    state.withLock { state in
      state.isStopped = true
      state.entries.removeAll()
    }
    semaphore.signal()
    thread.withLock { thread in
      thread?.join()
      thread = nil
    }
  }

  private static func insert(_ entry: Entry, into entries: inout [Entry]) {
    let position = entries.firstIndex { $0.deadline <= entry.deadline } ?? entries.endIndex
    entries.insert(entry, at: position)
  }

  private func run() {
    while true {
      let now = clock.now
      let (due, wait, stopped) = state.withLock { state in
        var due: [@Sendable () -> Void] = []
        while let last = state.entries.last, last.deadline <= now {
          state.entries.removeLast()
          due.append(last.fire)
          if let interval = last.interval {
            // From now, not from the deadline: after a stall of the process there is no burst of calls.
            var next = last
            next.deadline = now + interval
            Self.insert(next, into: &state.entries)
          }
        }
        return (due, state.entries.last.map { $0.deadline - now }, state.isStopped)
      }
      if stopped { return }
      for fire in due { fire() }
      if due.isEmpty {
        if let wait { semaphore.wait(atMost: wait) } else { semaphore.wait() }
      }
    }
  }
}
