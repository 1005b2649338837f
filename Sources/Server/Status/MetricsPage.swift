import Runtime
import Synchronization

/// The `/metrics` page. It is rendered at most ten times a second, so that frequent requests cost little. Any
/// thread.
final class MetricsPage: Sendable {
  /// How long a rendered text is reused.
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

  /// The text, at most `lifetime` old.
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
