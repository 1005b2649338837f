package import Runtime
import Storage
import Synchronization

/// Threads that may wait for the disk, so that event loops do not: what is read and encoded here delays no
/// raft message and no request that memory can serve.
package final class ReadPool: Sendable {
  /// How long a read may take.
  enum Length {
    /// A few keys.
    case short
    /// Ranges and batches. They leave one thread to short reads.
    case long
  }

  /// Reads wait for disks, not for processors: as many can be under way as a disk serves at once.
  private static let threads = 4
  /// Reads that wait for one thread before further ones are refused.
  private static let capacity = 1024

  private final class Thread: Sendable {
    let worker: Worker<@Sendable () -> Void>
    /// Reads under way or waiting.
    let pending = Atomic(0)

    init(_ worker: Worker<@Sendable () -> Void>) {
      self.worker = worker
    }
  }

  private let threads: [Thread]

  package init(host: any WorkerHost) {
    threads = (0..<Self.threads).map { number in
      Thread(
        host.spawn(name: "read-\(number)", capacity: Self.capacity) { _ in ReadRunner() })
    }
  }

  /// Runs `work` soon; false when too much is waiting. A long read blocks only what stands behind it.
  func run(_ length: Length, _ work: @escaping @Sendable () -> Void) -> Bool {
    let thread = leastBusy(length)
    thread.pending.add(1, ordering: .relaxed)
    let isTaken = thread.worker.mailbox.send {
      work()
      thread.pending.subtract(1, ordering: .relaxed)
    }
    if !isTaken { thread.pending.subtract(1, ordering: .relaxed) }
    return isTaken
  }

  /// For the second half of a read that was let in before.
  func executor(_ length: Length) -> StorageExecutor {
    { [self] work in
      let thread = leastBusy(length)
      thread.pending.add(1, ordering: .relaxed)
      let isTaken = thread.worker.mailbox.post {
        work()
        thread.pending.subtract(1, ordering: .relaxed)
      }
      // The pool has stopped, and with it the store: the last reads run where they are.
      if !isTaken { work() }
    }
  }

  private func leastBusy(_ length: Length) -> Thread {
    var best = threads[0]
    var least = best.pending.load(ordering: .relaxed)
    for thread in threads[1..<(length == .long ? threads.count - 1 : threads.count)] {
      let pending = thread.pending.load(ordering: .relaxed)
      if pending < least { (best, least) = (thread, pending) }
    }
    return best
  }

  /// Finishes what is queued. Blocks.
  package func stop() {
    for thread in threads { thread.worker.stop() }
  }
}

private struct ReadRunner: Handler {
  mutating func handle(_ batch: [@Sendable () -> Void]) {
    for work in batch { work() }
  }
}
