import Codec
package import Engine
package import Logging
import Raft
package import RaftLog
package import Runtime

/// Makes readies durable: all tasks that queued meanwhile become one log batch and one barrier, then
/// their messages leave and their peers are notified.
///
/// After a failed write nothing is acknowledged any more: what the disk holds is not known.
package struct LogWriter: Handler {
  private let engine: any KVEngine
  private let logs: any RaftLogStore
  private let transport: any Transport
  private let router: Router
  private let clock: any Clock
  private let logger: Logger
  private let onFatal: @Sendable (String) -> Void
  private let writeTime: Histogram
  private let syncTime: Histogram
  private let writtenBytes: Counter

  /// Bytes gathered before a batch is written although more tasks are queued: bounds memory, the time of
  /// a write, and what one record of the log may hold.
  private static let batchBytes = 16 << 20
  /// Bytes of one write of the log. A single task may be larger: all that a peer proposed, or was sent, since
  /// it last had something written.
  private static let writeBytes = 64 << 20

  /// The engine's part of the gathered tasks, written and synced as one before `batch`.
  private var data = WriteBatch()
  private var batch = LogBatch()
  private var mustSync = false
  private var envelopes: [RaftEnvelope] = []
  private var acks: [Ack] = []
  private var isPoisoned = false

  /// The acknowledgement of one peer's write.
  private struct Ack {
    var regionID: UInt64
    var peerID: UInt64
    var number: UInt64
    var responses: [Raft.Message]
  }

  package init(
    engine: any KVEngine, logs: any RaftLogStore, transport: any Transport, router: Router,
    clock: any Clock, metrics: Metrics, logger: Logger,
    onFatal: @escaping @Sendable (String) -> Void
  ) {
    self.engine = engine
    self.logs = logs
    self.transport = transport
    self.router = router
    self.clock = clock
    self.logger = logger
    self.onFatal = onFatal
    writeTime = metrics.histogram(
      "tikv_raftstore_store_write_raftdb_duration_seconds",
      "Time to make one batch of raft log writes durable")
    syncTime = metrics.histogram(
      "tikv_raftstore_append_log_duration_seconds", "Time to append one synced log batch")
    writtenBytes = metrics.counter(
      "tikv_raftstore_store_write_bytes_total", "Bytes written to the raft log")
  }

  package mutating func handle(_ tasks: [LogWriteTask]) {
    guard !isPoisoned else { return }
    for task in tasks {
      if let part = task.data { data.append(part) }
      batch.merge(task.log)
      if task.durability == .synced { mustSync = true }
      envelopes.append(contentsOf: task.messages)
      if task.needsAck || !task.responses.isEmpty { note(task) }
      if batch.byteSize + data.byteSize >= Self.batchBytes { flush() }
      if isPoisoned { return }
    }
  }

  private mutating func note(_ task: LogWriteTask) {
    let ack = Ack(
      regionID: task.regionID, peerID: task.peerID, number: task.number,
      responses: task.responses)
    // Only the last one needs looking at: tasks of one peer come in runs.
    if let last = acks.indices.last, acks[last].regionID == task.regionID,
      acks[last].peerID == task.peerID
    {
      acks[last].number = task.number
      acks[last].responses.append(contentsOf: task.responses)
    } else {
      acks.append(ack)
    }
  }

  package mutating func flush() {
    guard !isPoisoned else { return }
    if !data.isEmpty {
      do throws(EngineError) {
        try engine.write(data, .synced)
      } catch {
        poison("engine write before the raft log failed: \(error)")
        return
      }
      data.removeAll()
    }
    if !batch.isEmpty {
      let started = clock.now
      do throws(LogStoreError) {
        // The barrier of the last covers all. Entries without what follows them are harmless after a
        // crash: no one was notified of them.
        var pieces = batch.pieces(ofAbout: Self.writeBytes)[...]
        while let piece = pieces.popFirst() {
          _ = try logs.write(piece, mustSync && pieces.isEmpty ? .synced : .buffered)
        }
      } catch {
        poison("raft log write failed: \(error)")
        return
      }
      let taken = clock.now - started
      writeTime.observe(taken)
      if mustSync { syncTime.observe(taken) }
      writtenBytes.increment(by: UInt64(batch.byteSize))
      batch.removeAll()
    }
    mustSync = false
    if !envelopes.isEmpty {
      transport.send(envelopes)
      envelopes.removeAll(keepingCapacity: true)
    }
    for ack in acks {
      router.post(
        .persisted(
          regionID: ack.regionID, peerID: ack.peerID, number: ack.number,
          responses: ack.responses), to: ack.regionID)
    }
    acks.removeAll(keepingCapacity: true)
  }

  private mutating func poison(_ reason: String) {
    isPoisoned = true
    data.removeAll()
    batch.removeAll()
    envelopes = []
    acks = []
    logger.critical("raft log stops: \(reason)")
    onFatal(reason)
  }
}
