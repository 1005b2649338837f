import Runtime

/// A host that lies about time, or whose workers do not get what was sent to them.
struct AlteredHost: WorkerHost {
  /// The messages a worker of that name gets instead of those of a batch.
  typealias Mail = (_ worker: String, _ batch: [Any]) -> [Any]

  private let base: any WorkerHost
  let clock: any Clock
  private let lies: HostAlterations

  /// - Parameters:
  ///   - fires: whether a recurring timer of that interval still does what it is for.
  init(
    _ base: any WorkerHost, clock: (any Clock)? = nil, mail: Mail? = nil,
    fires: ((Duration) -> Bool)? = nil
  ) {
    self.base = base
    self.clock = clock ?? base.clock
    lies = HostAlterations(mail: mail, fires: fires)
  }

  func spawn<H: Handler>(
    name: String, bound: MailboxBound<H.Message>,
    make: @escaping @Sendable (Mailbox<H.Message>) -> H
  ) -> Worker<H.Message> {
    if lies.mail == nil { return base.spawn(name: name, bound: bound, make: make) }
    return base.spawn(name: name, bound: bound) { [lies] mailbox in
      AlteredHandler(base: make(mailbox), name: name, lies: lies)
    }
  }

  func every(
    _ interval: Duration, _ fire: @escaping @Sendable () -> Void
  ) -> any Cancellable {
    base.every(interval) { [lies] in if lies.fires?(interval) ?? true { fire() } }
  }

  func after(_ delay: Duration, _ fire: @escaping @Sendable () -> Void) -> any Cancellable {
    base.after(delay, fire)
  }
}

/// Safety of `@unchecked Sendable`: belongs to the one thread of its scheduler.
private final class HostAlterations: @unchecked Sendable {
  let mail: AlteredHost.Mail?
  let fires: ((Duration) -> Bool)?

  init(mail: AlteredHost.Mail?, fires: ((Duration) -> Bool)?) {
    self.mail = mail
    self.fires = fires
  }

  func altered(_ batch: [Any], for worker: String) -> [Any] { mail?(worker, batch) ?? batch }
}

private struct AlteredHandler<H: Handler>: Handler {
  typealias Message = H.Message

  var base: H
  let name: String
  let lies: HostAlterations

  mutating func handle(_ batch: [H.Message]) {
    base.handle(lies.altered(batch, for: name).compactMap { $0 as? H.Message })
  }

  mutating func flush() { base.flush() }
  mutating func stop() { base.stop() }
}
