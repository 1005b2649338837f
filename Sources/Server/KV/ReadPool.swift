package import Runtime
import Storage

/// Takes long reads off the event loops: what is read and encoded here delays nobody's raft messages.
package final class ReadPool: Sendable {
  /// Reads of more keys than this go here; shorter ones cost less than the way to another thread.
  static let shortRead = 256
  private static let capacity = 4096

  private let worker: Worker<@Sendable () -> Void>

  package init(host: any WorkerHost) {
    worker = host.spawn(name: "read", capacity: Self.capacity) { _ in ReadRunner() }
  }

  /// Runs `work` soon; false when too much is waiting.
  func run(_ work: @escaping @Sendable () -> Void) -> Bool { worker.mailbox.send(work) }

  /// For the second half of a read that was let in before.
  var executor: StorageExecutor {
    { [worker] work in
      if !worker.mailbox.post(work) { work() }
    }
  }

  /// Finishes what is queued. Blocks.
  package func stop() { worker.stop() }
}

private struct ReadRunner: Handler {
  mutating func handle(_ batch: [@Sendable () -> Void]) {
    for work in batch { work() }
  }
}
