/// Production host: one dedicated thread per worker, one more for timers.
package final class ThreadHost: WorkerHost {
  /// Messages passed to a handler at a time, so that one flush never waits for an unbounded batch.
  private static let batchLimit = 4096

  package let clock: any Clock
  private let timers: TimerThread

  package init(clock: any Clock = SystemClock()) {
    self.clock = clock
    self.timers = TimerThread(clock: clock)
  }

  /// Runs `handler` on a thread of its own, which ends after the mailbox is closed and empty.
  package func spawn<H: Handler>(
    name: String, bound: MailboxBound<H.Message>,
    make: @escaping @Sendable (Mailbox<H.Message>) -> H
  ) -> Worker<H.Message> {
    let doorbell = Doorbell()
    let mailbox = Mailbox<H.Message>(bound: bound) { doorbell.ring() }
    let thread = JoinableThread(name: name) {
      var handler = make(mailbox)
      var batch: [H.Message] = []
      loop: while true {
        switch mailbox.drain(into: &batch, limit: Self.batchLimit) {
        case .drained:
          handler.handle(batch)
          handler.flush()
          batch.removeAll(keepingCapacity: true)
        case .idle:
          doorbell.wait()
        case .closed:
          break loop
        }
      }
      handler.stop()
    }
    return Worker(mailbox: mailbox) { thread.join() }
  }

  package func every(
    _ interval: Duration, _ fire: @escaping @Sendable () -> Void
  ) -> any Cancellable {
    timers.schedule(after: interval, repeating: interval, fire)
  }

  package func after(_ delay: Duration, _ fire: @escaping @Sendable () -> Void) -> any Cancellable {
    timers.schedule(after: delay, repeating: nil, fire)
  }

  /// Ends the timer thread. Workers are stopped by their owners, in the order their owners know.
  package func shutdown() {
    timers.stop()
  }
}
