import Codec
package import Engine
package import Runtime
import Synchronization
package import Transaction

/// Executes the commands of transactions over a `Storage`.
///
/// A write command holds the latches of its keys from before its view is taken until its changes are applied. A command
/// that read under one leader cannot write under another: it is proposed with the term of its view.
///
/// Every method may read from the disk on the calling thread, so event loops call them on a thread pool. What had to wait
/// continues on the given executor. Completions are called exactly once: on the calling thread, the executor, or a
/// thread of the store; they must not block. A store has one object of this type.
package final class TransactionCommands: Sendable {
  let storage: any Storage
  let engine: any KVEngine
  let host: any WorkerHost
  let limits: TransactionLimits
  let maxTSSync: MaxTimestampSync
  let latches = CommandLatches()
  let admission: WriteAdmission
  let lockWaits: LockWaits
  let statuses = Mutex(TransactionStatusCache())
  /// The reads and the locks in memory of this store.
  package let concurrency: ConcurrencyControl

  /// - Parameters:
  ///   - engine: of the store, for `unsafeDestroyRange`.
  ///   - host: its clock and timers are used.
  ///   - timestamps: nil for a store without others, on which no earlier leader can have served reads.
  package init(
    storage: any Storage, engine: any KVEngine, host: any WorkerHost,
    concurrency: ConcurrencyControl = ConcurrencyControl(), timestamps: TimestampSource? = nil,
    deadlocks: any DeadlockDetection, limits: TransactionLimits = TransactionLimits()
  ) {
    self.storage = storage
    self.engine = engine
    self.host = host
    self.limits = limits
    self.concurrency = concurrency
    maxTSSync = MaxTimestampSync(concurrency, timestamps)
    admission = WriteAdmission(
      maxCount: limits.pendingWrites, maxBytes: limits.pendingWriteBytes)
    lockWaits = LockWaits(host, deadlocks, limits)
  }

  /// The pessimistic lock requests that wait on this store, each with the lock for which it waits.
  package var waitEdges: [WaitEdge] { lockWaits.edges }

  /// The write commands in progress, and about their bytes.
  package var pendingWrites: (count: Int, bytes: Int) { admission.pending }
}
