/// The host in production: one thread per worker and one for timers.
package final class ThreadHost: WorkerHost {
  /// Messages per `handle` call. Bounds the time until `flush`, and so the latency of the first message.
  private static let batchLimit = 4096

  package let clock: any Clock
  private let timers: TimerThread

  package init(clock: any Clock = SystemClock()) {
    self.clock = clock
    self.timers = TimerThread(clock: clock)
  }

  /// Runs the handler on a thread of its own, which ends when the mailbox is closed and empty.
  package func spawn<H: Handler>(
    name: String, bound: MailboxBound<H.Message>,
    make: @escaping @Sendable (Mailbox<H.Message>) -> H
  ) -> Worker<H.Message> {
    let semaphore = BinarySemaphore()
    let mailbox = Mailbox<H.Message>(bound: bound) { semaphore.signal() }
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
          semaphore.wait()
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

  /// Stops the timer thread and waits for it. Workers are stopped by their owners: the order matters to them.
  package func shutdown() {
    timers.stop()
  }
}
