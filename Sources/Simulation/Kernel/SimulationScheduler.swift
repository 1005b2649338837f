package import Runtime

/// Runs everything of a simulated cluster in one thread on virtual time, which jumps from event to
/// event. What happens at the same instant happens in the order in which it was asked for.
///
/// Safety of `@unchecked Sendable`: a run and all it is made of belong to the one thread that runs it;
/// closures are marked as sendable only because production passes them to other threads.
package final class SimulationScheduler: @unchecked Sendable {
  package private(set) var now = Instant(nanoseconds: 1_000_000_000)
  /// Every choice of the kernel: batch sizes, delays, losses.
  package var random: SplitMix64
  package var trace: Trace
  package private(set) var eventCount = 0
  private var queue = EventQueue()
  private var nextNumber: UInt64 = 0

  package init(seed: UInt64, trace: Trace = Trace()) {
    random = SplitMix64(seed: seed)
    self.trace = trace
  }

  /// Has `body` run after `delay`. With a process it runs inside it: not at all once that is dead, and
  /// later while it is paused.
  @discardableResult
  package func after(
    _ delay: Duration, in process: SimulatedProcess? = nil, _ body: @escaping () -> Void
  ) -> Ticket {
    let ticket = Ticket()
    nextNumber += 1
    queue.insert(
      Event(
        time: now.nanoseconds &+ UInt64(max(0, delay.asNanoseconds)), number: nextNumber,
        process: process, ticket: ticket, body: body))
    return ticket
  }

  /// Runs events until `end`, or until `isOver` says so after one of them.
  package func run(until end: Instant, isOver: () -> Bool = { false }) {
    while let time = queue.nextTime, time <= end.nanoseconds, let event = queue.removeFirst() {
      now = Instant(nanoseconds: max(now.nanoseconds, event.time))
      if event.ticket.isCancelled { continue }
      eventCount += 1
      perform(event)
      if isOver() { return }
    }
    now = max(now, end)
  }

  /// Runs `body` inside a process now, or as soon as it is no longer paused.
  package func enter(_ process: SimulatedProcess, _ body: @escaping () -> Void) {
    nextNumber += 1
    perform(
      Event(
        time: now.nanoseconds, number: nextNumber, process: process, ticket: Ticket(), body: body))
  }

  private func perform(_ event: Event) {
    if let process = event.process {
      guard process.isAlive else { return }
      if process.isPaused {
        process.parked.append(event)
        return
      }
    }
    event.body()
  }

  /// Lets a paused process go on: what has waited for it happens now, in order, over a little time.
  package func resume(_ process: SimulatedProcess) {
    guard process.isPaused else { return }
    process.isPaused = false
    let parked = process.parked
    process.parked = []
    var time = now.nanoseconds
    for var event in parked {
      nextNumber += 1
      time += UInt64.random(in: 0...20_000, using: &random)
      event.time = time
      event.number = nextNumber
      queue.insert(event)
    }
  }

  /// Forgets everything that was to happen: nothing keeps what the closures hold alive.
  package func discardAll() {
    queue = EventQueue()
  }

  /// A line of the trace for people alone.
  package func annotate(_ text: String) { trace.annotate(at: now, text) }

  /// Notes in the trace what happens, with up to three numbers that say which; `text` is for people.
  package func note(_ kind: Trace.Kind, _ a: UInt64, _ text: @autoclosure () -> String) {
    trace.note(kind, at: now, a, 0, 0, text())
  }

  /// Adds an event to the trace, at the present virtual time.
  package func note(
    _ kind: Trace.Kind, _ a: UInt64, _ b: UInt64, _ text: @autoclosure () -> String
  ) {
    trace.note(kind, at: now, a, b, 0, text())
  }

  /// Adds an event with three numbers to the trace, at the present virtual time.
  package func note(
    _ kind: Trace.Kind, _ a: UInt64, _ b: UInt64, _ c: UInt64, _ text: @autoclosure () -> String
  ) {
    trace.note(kind, at: now, a, b, c, text())
  }
}

/// A call that will be made, and may be cancelled.
///
/// Safety of `@unchecked Sendable`: as for the scheduler it belongs to.
package final class Ticket: Cancellable, @unchecked Sendable {
  package private(set) var isCancelled = false

  package func cancel() { isCancelled = true }
}
