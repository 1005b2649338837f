import Synchronization

/// Collects what a worker says when it stops.
final class FatalReasons: Sendable {
  private let reasons = Mutex<[String]>([])

  var all: [String] { reasons.withLock { $0 } }

  func add(_ reason: String) { reasons.withLock { $0.append(reason) } }
}
