import Codec
package import Runtime
import Storage
import Synchronization

/// Threads that may wait for the disk, so that event loops do not: a read or its encoding on these threads
/// delays no raft message and no request that memory can serve.
///
/// Not NIO's `NIOThreadPool`: its one queue has no bound, and it cannot keep a thread free of long reads.
/// Here each thread has a bounded queue, a read goes to the shortest one, and the last thread takes short
/// reads only. Any thread may call the functions.
package final class ReadPool: Sendable {
  /// The expected duration of a read.
  enum Length {
    /// A few keys.
    case short
    /// Ranges and batches. They never run on the last thread.
    case long
  }

  /// Reads wait for disks, not for processors: as many can be under way as a disk serves at once.
  private static let threadCount = 4
  /// Reads that may wait for one thread; further ones are refused.
  private static let capacity = 1024
  /// Reads of one connection that may wait or be under way; further ones are refused. A quarter of the queues
  /// of the threads that serve them.
  static let longReadsPerConnection = 768
  static let shortReadsPerConnection = 1024
  /// How long a long read runs before it queues again behind the reads that wait.
  private static let slice = Duration.milliseconds(10)
  /// The longest duration of a long read, its waiting included; a client may ask for a shorter one.
  private static let longest = Duration.seconds(60)
  /// Bytes of partial responses that all reads together may hold while they wait for their next slice.
  private static let maxHeldBytes = 256 << 20

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
  /// Bytes of partial responses held by reads that wait for their next slice.
  private let held = Atomic(0)

  /// Starts the threads, which run until `stop`.
  package init(host: any WorkerHost) {
    clock = host.clock
    threads = (0..<Self.threadCount).map { number in
      Thread(
        host.spawn(name: "read-\(number)", capacity: Self.capacity) { _ in ReadRunner() })
    }
  }

  /// Reads under way or waiting.
  package var pending: Int {
    threads.reduce(0) { $0 + $1.pending.load(ordering: .relaxed) }
  }

  /// Queues `work` for the least busy thread that takes reads of this length.
  ///
  /// - Returns: false if that thread's queue is full or the pool has stopped; `work` will not run then.
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

  /// Runs the second half of reads that `run` accepted before: queues without a bound.
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

  /// The time slices of a long read whose deadline counts from now.
  ///
  /// - Parameter isCancelled: whether the result of the read is no longer needed. Called on any thread.
  func turns(
    _ context: RequestContext, isCancelled: @escaping @Sendable () -> Bool = { false }
  ) -> ReadTimeSlicing {
    let clock = clock
    var most = Self.longest
    if context.maxExecutionMs > 0 {
      most = min(most, .milliseconds(Int64(clamping: context.maxExecutionMs)))
    }
    return ReadTimeSlicing(
      deadline: clock.now + most, slice: Self.slice, isCancelled: isCancelled,
      now: { clock.now }, yield: { [self] bytes, work in requeue(bytes, work) })
  }

  /// Queues the rest of a read behind the reads that wait. The read was accepted before, so the length of the
  /// queue does not matter; the bytes it holds do.
  private func requeue(_ bytes: Int, _ work: @escaping @Sendable () -> Void)
    -> ReadTimeSlicing.YieldResult
  {
    let total = held.add(bytes, ordering: .relaxed).newValue
    if total > Self.maxHeldBytes {
      held.subtract(bytes, ordering: .relaxed)
      return .refused
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
