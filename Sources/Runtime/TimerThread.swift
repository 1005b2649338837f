import Synchronization

/// One thread that fires timers in order of their deadline.
final class TimerThread: Sendable {
  private struct Entry {
    var deadline: Instant
    var interval: Duration?
    var fire: @Sendable () -> Void
    var id: UInt64
  }

  private struct State {
    /// Sorted by deadline, latest first, so that the next one is popped from the end.
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
  private let doorbell = Doorbell()
  private let thread = Mutex<JoinableThread?>(nil)

  init(clock: any Clock) {
    self.clock = clock
  }

  func schedule(
    after delay: Duration, repeating interval: Duration?, _ fire: @escaping @Sendable () -> Void
  ) -> any Cancellable {
    // An interval of zero would be due again before the thread has looked at anything else.
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
    doorbell.ring()
    return Token(owner: self, id: id)
  }

  func stop() {
    state.withLock { state in
      state.isStopped = true
      state.entries.removeAll()
    }
    doorbell.ring()
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
            // Counting from now, not from the deadline: a stalled process must not fire a burst.
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
        if let wait { doorbell.wait(atMost: wait) } else { doorbell.wait() }
      }
    }
  }
}
