package import Runtime

/// The workers and timers of one process, run by the scheduler instead of by threads.
package struct SimulatedHost: WorkerHost {
  package let process: SimulatedProcess
  private let scheduler: SimulationScheduler

  package init(_ process: SimulatedProcess) {
    self.process = process
    scheduler = process.machine.scheduler
  }

  package var clock: any Clock { process.machine.clock }

  /// Runs `handler` on the simulation's only thread, as one of its process's workers.
  package func spawn<H: Handler>(
    name: String, bound: MailboxBound<H.Message>,
    make: @escaping @Sendable (Mailbox<H.Message>) -> H
  ) -> Worker<H.Message> {
    let pump = WorkerPump<H>(name: name, process: process)
    let mailbox = Mailbox<H.Message>(bound: bound) { pump.wake() }
    pump.start(mailbox, make(mailbox))
    process.keep(pump)
    return Worker(mailbox: mailbox) { pump.finish() }
  }

  package func every(
    _ interval: Duration, _ fire: @escaping @Sendable () -> Void
  ) -> any Cancellable {
    let timer = RepeatingTimer(interval: interval, process: process, fire: fire)
    timer.schedule()
    return timer
  }

  package func after(
    _ delay: Duration, _ fire: @escaping @Sendable () -> Void
  ) -> any Cancellable {
    scheduler.after(process.machine.clock.trueDuration(delay), in: process, fire)
  }
}

private final class RepeatingTimer: Cancellable {
  private let interval: Duration
  private let process: SimulatedProcess
  private let fire: @Sendable () -> Void
  private let ticket = Ticket()

  init(interval: Duration, process: SimulatedProcess, fire: @escaping @Sendable () -> Void) {
    self.interval = interval
    self.process = process
    self.fire = fire
  }

  func schedule() {
    let machine = process.machine
    machine.scheduler.after(machine.clock.trueDuration(interval), in: process) { [self] in
      if ticket.isCancelled { return }
      schedule()
      fire()
    }
  }

  func cancel() { ticket.cancel() }
}

/// A handler behind its mailbox, as the scheduler runs it: a while after something was queued, with some
/// or all of what is queued by then.
private final class WorkerPump<H: Handler>: Sendable {
  private let kind: WorkerKind
  private let name: String
  private let process: SimulatedProcess
  /// Nil before the start and after the end, as is the handler.
  private let mailbox = ThreadBound<Mailbox<H.Message>?>(nil)
  private let handler = ThreadBound<H?>(nil)
  private let isScheduled = ThreadBound(false)

  init(name: String, process: SimulatedProcess) {
    self.name = name
    self.process = process
    kind = WorkerKind(name: name)
  }

  func start(_ mailbox: Mailbox<H.Message>, _ handler: H) {
    self.mailbox.value = mailbox
    self.handler.value = handler
  }

  /// The mailbox has something for a worker that was idle.
  func wake() {
    guard !isScheduled.value, process.isAlive else { return }
    isScheduled.value = true
    let machine = process.machine
    machine.scheduler.after(machine.delay(of: kind), in: process) { [self] in
      isScheduled.value = false
      if !process.isStalled(name, { [self] in wake() }) { step() }
    }
  }

  private func step() {
    guard let mailbox = mailbox.value else { return }
    let scheduler = process.machine.scheduler
    // A thread takes all there is; one that is interrupted while others send takes less.
    let draw = scheduler.random.next()
    let limit = draw & 7 == 0 ? Int(draw >> 8 & 7) + 1 : 4096
    var batch: [H.Message] = []
    guard mailbox.drain(into: &batch, limit: limit) == .drained else { return }
    scheduler.note(
      .step, UInt64(process.machine.number), UInt64(batch.count),
      "\(process.machine.name) \(name) takes \(batch.count)")
    handler.value?.handle(batch)
    handler.value?.flush()
    guard mailbox.count == 0 else { return wake() }
    // Lets the mailbox know that its consumer is idle.
    batch.removeAll()
    _ = mailbox.drain(into: &batch, limit: 1)
  }

  /// The owner stops the worker: what is queued is handled, then it ends.
  func finish() {
    guard let mailbox = mailbox.value else { return }
    var batch: [H.Message] = []
    while mailbox.drain(into: &batch, limit: 4096) == .drained {
      handler.value?.handle(batch)
      handler.value?.flush()
      batch.removeAll()
    }
    handler.value?.stop()
    // The mailbox keeps the pump alive by its wake-up.
    handler.value = nil
    self.mailbox.value = nil
    process.release(self)
  }
}
