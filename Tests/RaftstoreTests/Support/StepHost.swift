import Runtime

/// The workers and timers of one process under a stepper.
struct StepHost: WorkerHost {
  let stepper: Stepper
  let owner: Int

  var clock: any Clock { StepClock(stepper: stepper) }

  func spawn<H: Handler>(
    name: String, bound: MailboxBound<H.Message>,
    make: @escaping @Sendable (Mailbox<H.Message>) -> H
  ) -> Worker<H.Message> {
    let mailbox = Mailbox<H.Message>(bound: bound) {}
    let worker = HandlerWorker(mailbox, make(mailbox))
    stepper.add(worker, name: name, owner: owner)
    let stepper = stepper
    let handle = WorkerHandle(worker: worker)
    return Worker(mailbox: mailbox) { stepper.finish(handle.worker) }
  }

  func every(
    _ interval: Duration, _ fire: @escaping @Sendable () -> Void
  ) -> any Cancellable {
    StepTimer(
      stepper: stepper,
      id: stepper.addTimer(owner: owner, after: interval, every: interval, fire))
  }

  func after(_ delay: Duration, _ fire: @escaping @Sendable () -> Void) -> any Cancellable {
    StepTimer(
      stepper: stepper, id: stepper.addTimer(owner: owner, after: delay, every: nil, fire))
  }
}

/// Safety of `@unchecked Sendable`: used on the stepper's one thread only.
private struct WorkerHandle: @unchecked Sendable {
  let worker: any SteppedWorker
}

private struct StepTimer: Cancellable {
  let stepper: Stepper
  let id: Int

  func cancel() { stepper.cancelTimer(id) }
}

struct StepClock: Clock {
  let stepper: Stepper

  var now: Instant { stepper.now }
  var wallMilliseconds: UInt64 { 1_700_000_000_000 + stepper.now.nanoseconds / 1_000_000 }
}

private final class HandlerWorker<H: Handler>: SteppedWorker {
  private let mailbox: Mailbox<H.Message>
  private var handler: H

  init(_ mailbox: Mailbox<H.Message>, _ handler: H) {
    self.mailbox = mailbox
    self.handler = handler
  }

  var hasWork: Bool { mailbox.count > 0 }

  func step(limit: Int) -> Bool {
    var batch: [H.Message] = []
    guard mailbox.drain(into: &batch, limit: limit) == .drained else { return false }
    handler.handle(batch)
    handler.flush()
    return true
  }

  func end() { handler.stop() }
}
