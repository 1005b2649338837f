import Runtime
import SimulationKit

/// A host with another clock, or whose workers and timers do not get what is meant for them.
struct AlteredHost: WorkerHost {
  /// The messages a worker of that name gets instead of those of a batch.
  typealias Mail = (_ worker: String, _ batch: [Any]) -> [Any]

  private let base: any WorkerHost
  let clock: any Clock
  private let alterations: ThreadBound<HostAlterations>

  /// - Parameters:
  ///   - fires: whether a recurring timer of that interval still does what it is for.
  init(
    _ base: any WorkerHost, clock: (any Clock)? = nil, mail: Mail? = nil,
    fires: ((Duration) -> Bool)? = nil
  ) {
    self.base = base
    self.clock = clock ?? base.clock
    alterations = ThreadBound(HostAlterations(mail: mail, fires: fires))
  }

  func spawn<H: Handler>(
    name: String, bound: MailboxBound<H.Message>,
    make: @escaping @Sendable (Mailbox<H.Message>) -> H
  ) -> Worker<H.Message> {
    if alterations.value.mail == nil { return base.spawn(name: name, bound: bound, make: make) }
    return base.spawn(name: name, bound: bound) { [alterations] mailbox in
      AlteredHandler(base: make(mailbox), name: name, alterations: alterations)
    }
  }

  func every(
    _ interval: Duration, _ fire: @escaping @Sendable () -> Void
  ) -> any Cancellable {
    base.every(interval) { [alterations] in if alterations.value.fires?(interval) ?? true { fire() }
    }
  }

  func after(_ delay: Duration, _ fire: @escaping @Sendable () -> Void) -> any Cancellable {
    base.after(delay, fire)
  }
}

private struct HostAlterations {
  let mail: AlteredHost.Mail?
  let fires: ((Duration) -> Bool)?

  func altered(_ batch: [Any], for worker: String) -> [Any] { mail?(worker, batch) ?? batch }
}

private struct AlteredHandler<H: Handler>: Handler {
  typealias Message = H.Message

  var base: H
  let name: String
  let alterations: ThreadBound<HostAlterations>

  mutating func handle(_ batch: [H.Message]) {
    base.handle(alterations.value.altered(batch, for: name).compactMap { $0 as? H.Message })
  }

  mutating func flush() { base.flush() }
  mutating func stop() { base.stop() }
}
