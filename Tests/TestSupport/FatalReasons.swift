import Synchronization

/// Records the reasons of `onFatal` calls. Any thread may call.
package final class FatalReasons: Sendable {
  private let reasons = Mutex<[String]>([])

  package init() {}

  /// In the order of the calls.
  package var all: [String] { reasons.withLock { $0 } }

  /// Adds a reason.
  package func add(_ reason: String) { reasons.withLock { $0.append(reason) } }
}
