package import Runtime
import Synchronization

/// Runs everything of a simulated cluster in one thread on virtual time, which jumps from event to
/// event. What happens at the same instant happens in the order in which it was asked for.
///
/// A run and all it is made of belong to the thread that created the scheduler (`ThreadBound`).
package final class SimulationScheduler: Sendable {
  private struct Counts {
    var events = 0
    /// The number of the event that was added last.
    var number: UInt64 = 0
  }

  private let time = ThreadBound(Instant(nanoseconds: 1_000_000_000))
  private let generator: ThreadBound<SplitMix64>
  private let events: ThreadBound<Trace>
  private let counts = ThreadBound(Counts())
  private let queue = ThreadBound(EventQueue())

  package init(seed: UInt64, trace: Trace = Trace()) {
    generator = ThreadBound(SplitMix64(seed: seed))
    events = ThreadBound(trace)
  }

  /// Virtual time.
  package var now: Instant { time.value }
  /// What has happened so far.
  package var trace: Trace { events.value }
  /// How many events have run.
  package var eventCount: Int { counts.value.events }

  /// The generator of every choice of the kernel: batch sizes, delays, losses.
  package var random: SplitMix64 {
    get { generator.value }
    _modify { yield &generator.value }
  }

  private func nextNumber() -> UInt64 {
    counts.value.number += 1
    return counts.value.number
  }

  /// Has `body` run after `delay`. With a process it runs inside it: not at all once that is dead, and
  /// later while it is paused.
  @discardableResult
  package func after(
    _ delay: Duration, in process: SimulatedProcess? = nil, _ body: @escaping () -> Void
  ) -> Ticket {
    let ticket = Ticket()
    let event = Event(
      time: now.nanoseconds &+ UInt64(max(0, delay.asNanoseconds)), number: nextNumber(),
      process: process, ticket: ticket, body: body)
    queue.value.insert(event)
    return ticket
  }

  /// Runs events until `end`, or until `isOver` says so after one of them.
  package func run(until end: Instant, isOver: () -> Bool = { false }) {
    while let due = queue.value.nextTime, due <= end.nanoseconds,
      let event = queue.value.removeFirst()
    {
      time.value = Instant(nanoseconds: max(now.nanoseconds, event.time))
      if event.ticket.isCancelled { continue }
      counts.value.events += 1
      perform(event)
      if isOver() { return }
    }
    time.value = max(now, end)
  }

  /// Runs `body` inside a process now, or as soon as it is no longer paused.
  package func enter(_ process: SimulatedProcess, _ body: @escaping () -> Void) {
    perform(
      Event(
        time: now.nanoseconds, number: nextNumber(), process: process, ticket: Ticket(), body: body)
    )
  }

  private func perform(_ event: Event) {
    if let process = event.process {
      guard process.isAlive else { return }
      if process.isPaused {
        process.pending.append(event)
        return
      }
    }
    event.body()
  }

  /// Lets a paused process go on: what has waited for it happens now, in order, over a little time.
  package func resume(_ process: SimulatedProcess) {
    guard process.isPaused else { return }
    process.isPaused = false
    let pending = process.pending
    process.pending = []
    var time = now.nanoseconds
    for var event in pending {
      time += UInt64.random(in: 0...20_000, using: &random)
      event.time = time
      event.number = nextNumber()
      queue.value.insert(event)
    }
  }

  /// Forgets everything that was to happen: nothing keeps what the closures hold alive.
  package func discardAll() {
    let dropped = queue.value
    // What a closure owns may ask for more when it is released: not while the queue is being written.
    queue.value = EventQueue()
    withExtendedLifetime(dropped) {}
  }

  /// A line of the trace for people alone.
  package func annotate(_ text: String) { events.value.annotate(at: now, text) }

  /// Notes in the trace what happens, with up to three numbers that say which; `text` is for people.
  package func note(_ kind: Trace.Kind, _ a: UInt64, _ text: @autoclosure () -> String) {
    events.value.note(kind, at: now, a, 0, 0, text())
  }

  /// Adds an event to the trace, at the present virtual time.
  package func note(
    _ kind: Trace.Kind, _ a: UInt64, _ b: UInt64, _ text: @autoclosure () -> String
  ) {
    events.value.note(kind, at: now, a, b, 0, text())
  }

  /// Adds an event with three numbers to the trace, at the present virtual time.
  package func note(
    _ kind: Trace.Kind, _ a: UInt64, _ b: UInt64, _ c: UInt64, _ text: @autoclosure () -> String
  ) {
    events.value.note(kind, at: now, a, b, c, text())
  }
}

/// An event that will happen unless it is cancelled.
package final class Ticket: Cancellable {
  private let cancelled = Atomic(false)

  package var isCancelled: Bool { cancelled.load(ordering: .relaxed) }

  package func cancel() { cancelled.store(true, ordering: .relaxed) }
}
