import Runtime

/// A host that lies about time, or whose workers do not get what was sent to them.
struct AlteredHost: WorkerHost {
  /// The messages a worker of that name gets instead of those of a batch.
  typealias Mail = (_ worker: String, _ batch: [Any]) -> [Any]

  private let base: any WorkerHost
  let clock: any Clock
  private let mail: MailBox?
  private let fires: Timers?

  /// - Parameters:
  ///   - fires: whether a recurring timer of that interval still does what it is for.
  init(
    _ base: any WorkerHost, clock: (any Clock)? = nil, mail: Mail? = nil,
    fires: ((Duration) -> Bool)? = nil
  ) {
    self.base = base
    self.clock = clock ?? base.clock
    self.mail = mail.map(MailBox.init)
    self.fires = fires.map(Timers.init)
  }

  func spawn<H: Handler>(
    name: String, capacity: Int, make: @escaping @Sendable (Mailbox<H.Message>) -> H
  ) -> Worker<H.Message> {
    guard let mail else { return base.spawn(name: name, capacity: capacity, make: make) }
    return base.spawn(name: name, capacity: capacity) { mailbox in
      AlteredHandler(base: make(mailbox), name: name, mail: mail)
    }
  }

  func every(
    _ interval: Duration, _ fire: @escaping @Sendable () -> Void
  ) -> any Cancellable {
    guard let fires else { return base.every(interval, fire) }
    return base.every(interval) { if fires.body(interval) { fire() } }
  }

  func after(_ delay: Duration, _ fire: @escaping @Sendable () -> Void) -> any Cancellable {
    base.after(delay, fire)
  }

  /// Safety of `@unchecked Sendable`: belongs to the one thread of its scheduler.
  private final class Timers: @unchecked Sendable {
    let body: (Duration) -> Bool

    init(_ body: @escaping (Duration) -> Bool) {
      self.body = body
    }
  }
}

/// Safety of `@unchecked Sendable`: belongs to the one thread of its scheduler.
private final class MailBox: @unchecked Sendable {
  let alter: AlteredHost.Mail

  init(_ alter: @escaping AlteredHost.Mail) {
    self.alter = alter
  }
}

private struct AlteredHandler<H: Handler>: Handler {
  typealias Message = H.Message

  var base: H
  let name: String
  let mail: MailBox

  mutating func handle(_ batch: [H.Message]) {
    base.handle(mail.alter(name, batch).compactMap { $0 as? H.Message })
  }

  mutating func flush() { base.flush() }
  mutating func stop() { base.stop() }
}
