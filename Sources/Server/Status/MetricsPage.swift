import Runtime
import Synchronization

/// The `/metrics` page: rendered at most ten times a second, however often it is asked for, so that it takes
/// no more of a processor. Any thread.
final class MetricsPage: Sendable {
  /// How long a text is served.
  private static let lifetime = Duration.milliseconds(100)

  private let render: @Sendable () -> String
  private let now: @Sendable () -> Instant
  private let last = Mutex<(text: String, renderedAt: Instant)?>(nil)

  init(now: @escaping @Sendable () -> Instant, render: @escaping @Sendable () -> String) {
    self.now = now
    self.render = render
  }

  convenience init(_ metrics: Metrics, clock: any Clock) {
    self.init(now: { clock.now }, render: { metrics.text() })
  }

  var route: StatusRoute {
    StatusRoute("/metrics") { [self] in
      StatusReply(contentType: "text/plain; version=0.0.4; charset=utf-8", body: text)
    }
  }

  var text: String {
    last.withLock { last in
      let now = now()
      if let last, now - last.renderedAt < Self.lifetime { return last.text }
      let text = render()
      last = (text, now)
      return text
    }
  }
}
