import Codec
package import Runtime
import Storage
import Synchronization

/// Threads that may wait for the disk, so that event loops do not: what is read and encoded here delays no
/// raft message and no request that memory can serve.
package final class ReadThread: Sendable {
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
  /// Reads of one connection that wait or are under way, before further ones are refused: a quarter of what
  /// may wait for the threads that serve them.
  static let longReadsPerConnection = 768
  static let shortReadsPerConnection = 1024
  /// How long a long read keeps its thread while others wait.
  private static let slice = Duration.milliseconds(10)
  /// How long a long read may take in all, its waiting included, unless the client wants it back sooner.
  private static let longest = Duration.seconds(60)
  /// Bytes of replies that reads may hold while they wait for their next slice.
  private static let heldBytes = 256 << 20

  private final class Thread: Sendable {
    let worker: Worker<@Sendable () -> Void>
    /// Reads under way or waiting.
    let pending = Atomic(0)

    init(_ worker: Worker<@Sendable () -> Void>) {
      self.worker = worker
    }
  }

  private let threads: [Thread]
  private let clock: any Clock
  /// What waiting reads hold now.
  private let held = Atomic(0)

  package init(host: any WorkerHost) {
    clock = host.clock
    threads = (0..<Self.threads).map { number in
      Thread(
        host.spawn(name: "read-\(number)", capacity: Self.capacity) { _ in ReadRunner() })
    }
  }

  /// Reads under way or waiting.
  package var pending: Int {
    threads.reduce(0) { $0 + $1.pending.load(ordering: .relaxed) }
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

  /// The turns of a long read that begins now, or waits for its first turn from now on.
  ///
  /// - Parameter isCancelled: whether no one waits for the read any more. Any thread.
  func turns(
    _ context: RequestContext, isCancelled: @escaping @Sendable () -> Bool = { false }
  ) -> ReadTurns {
    let clock = clock
    var most = Self.longest
    if context.maxExecutionMs > 0 {
      most = min(most, .milliseconds(Int64(clamping: context.maxExecutionMs)))
    }
    return ReadTurns(
      deadline: clock.now + most, slice: Self.slice, isCancelled: isCancelled,
      now: { clock.now }, yield: { [self] bytes, work in requeue(bytes, work) })
  }

  /// Puts the rest of a read behind what waits. It was let in before, so the queue's length does not matter;
  /// what it holds does.
  private func requeue(_ bytes: Int, _ work: @escaping @Sendable () -> Void) -> ReadTurns.Answer {
    let total = held.add(bytes, ordering: .relaxed).newValue
    if total > Self.heldBytes {
      held.subtract(bytes, ordering: .relaxed)
      return .goOn
    }
    let thread = leastBusy(.long)
    thread.pending.add(1, ordering: .relaxed)
    let isTaken = thread.worker.mailbox.post { [self] in
      held.subtract(bytes, ordering: .relaxed)
      work()
      thread.pending.subtract(1, ordering: .relaxed)
    }
    if isTaken { return .queued }
    thread.pending.subtract(1, ordering: .relaxed)
    held.subtract(bytes, ordering: .relaxed)
    return .stopped
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
