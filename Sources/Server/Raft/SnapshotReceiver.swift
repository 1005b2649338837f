import Codec
import Logging
import NIOCore
import Protobuf
import RPC
import Raftstore
import Runtime
import Synchronization

/// An event of a snapshot stream, for the thread that writes files.
enum SnapshotReceipt: Sendable {
  case chunk(SnapshotReception, ByteBuffer)
  /// The sender has closed its side.
  case end(SnapshotReception)
  /// The stream was cancelled or its connection was lost.
  case broken(SnapshotReception)
  /// The stream is too slow, with a reason.
  case stalled(SnapshotReception, String)
}

/// Writes the data of snapshot streams to files, and delivers the message of each complete snapshot to the store.
struct SnapshotReceiver: Handler {
  let router: Router
  let logger: Logger

  mutating func handle(_ batch: [SnapshotReceipt]) {
    for receipt in batch {
      switch receipt {
      case .chunk(let reception, let bytes): reception.take(bytes, router, logger)
      case .end(let reception): reception.finish(router, logger)
      case .broken(let reception): reception.abandon()
      case .stalled(let reception, let reason): reception.end(reason, logger)
      }
    }
  }

  mutating func stop() {}
}

/// One snapshot stream. Its reader is used by the receiving worker only.
final class SnapshotReception: Sendable {
  private struct State {
    var reader: SnapshotStreamReader
    /// Whether the first chunk, which has the message, was received; the others have data only.
    var hasBegun = false
    /// The stream has been completed or ended; further chunks are ignored.
    var isOver = false
  }

  private let call: StreamCall
  /// Held while a file is written.
  private let state: Mutex<State>
  private let progress: Mutex<SnapshotProgressWatch>

  init(_ call: StreamCall, _ reader: SnapshotStreamReader, timeout: Duration) {
    self.call = call
    state = Mutex(State(reader: reader))
    progress = Mutex(SnapshotProgressWatch(timeout: timeout, now: .now()))
  }

  // MARK: On the event loop

  /// A chunk was received; it is not written yet.
  func arrived(_ bytes: Int) { progress.withLock { $0.arrived(bytes) } }

  /// Whether the stream may continue.
  func check(at now: NIODeadline) -> SnapshotProgressWatch.Verdict {
    progress.withLock { $0.check(at: now) }
  }

  // MARK: On the receiving worker

  /// Writes a chunk, and completes the stream after the last one.
  func take(_ bytes: ByteBuffer, _ router: Router, _ logger: Logger) {
    let outcome = state.withLock { state -> Result<RaftEnvelope?, RPCStatus> in
      if state.isOver { return .success(nil) }
      do {
        if !state.hasBegun { try FieldCount.check(bytes.readableBytesSpan, .snapshotChunk) }
        state.hasBegun = true
        try state.reader.receive(try SnapshotChunk(decoding: bytes.readableBytesSpan))
        guard state.reader.isSatisfied else { return .success(nil) }
        state.isOver = true
        return .success(try state.reader.finish())
      } catch {
        state.isOver = true
        state.reader.abandon()
        return .failure(Self.status(error))
      }
    }
    progress.withLock { $0.written(at: .now()) }
    call.consumed(bytes.readableBytes)
    respond(outcome, router, logger)
  }

  /// Completes the stream after the sender has closed its side.
  func finish(_ router: Router, _ logger: Logger) {
    let outcome = state.withLock { state -> Result<RaftEnvelope?, RPCStatus> in
      if state.isOver { return .success(nil) }
      state.isOver = true
      do {
        return .success(try state.reader.finish())
      } catch {
        return .failure(Self.status(error))
      }
    }
    respond(outcome, router, logger)
  }

  /// Removes what was received of an incomplete snapshot.
  func abandon() {
    state.withLock { state in
      if !state.isOver { state.reader.abandon() }
      state.isOver = true
    }
  }

  /// Ends a stream that is too slow, to free its slot for others.
  func end(_ reason: String, _ logger: Logger) {
    let isEnded = state.withLock { state in
      if state.isOver { return false }
      state.isOver = true
      state.reader.abandon()
      return true
    }
    guard isEnded else { return }
    logger.warning("receiving a snapshot timed out", metadata: ["reason": "\(reason)"])
    call.finish(RPCStatus(.deadlineExceeded, reason))
  }

  private func respond(
    _ outcome: Result<RaftEnvelope?, RPCStatus>, _ router: Router, _ logger: Logger
  ) {
    switch outcome {
    case .success(nil): break
    case .success(let envelope?):
      // `raft_serverpb.Done` has no fields.
      call.send(ByteBuffer())
      call.finish()
      logger.info("snapshot received", metadata: ["region": "\(envelope.regionID)"])
      router.deliver([envelope])
    case .failure(let status):
      logger.warning("receiving a snapshot failed", metadata: ["error": "\(status)"])
      call.finish(status)
    }
  }

  private static func status(_ error: any Error) -> RPCStatus {
    switch error {
    case SnapshotError.busy(let reason): RPCStatus(.resourceExhausted, reason)
    case let error as SnapshotError: RPCStatus(.aborted, error.description)
    default: RPCStatus(.invalidArgument, "\(error)")
    }
  }
}

/// The handler of a snapshot stream on the event loop. The stream's window opens again when data is written.
final class SnapshotStreamHandler: StreamHandler {
  private let worker: Mailbox<SnapshotReceipt>
  private let reception: SnapshotReception
  /// Counts as an open stream of its store as long as it is retained.
  private let sender: AdmittedStream

  init(
    _ call: StreamCall, _ sender: AdmittedStream, _ reader: SnapshotStreamReader,
    _ worker: Mailbox<SnapshotReceipt>, timeout: Duration
  ) {
    self.worker = worker
    self.sender = sender
    reception = SnapshotReception(call, reader, timeout: timeout)
    call.receiveAlways()
    call.holdReceived()
    Self.watch(reception, worker, on: call.eventLoop, after: timeout)
  }

  func onMessage(_ message: ByteBuffer) {
    reception.arrived(message.readableBytes)
    worker.post(.chunk(reception, message))
  }

  func onHalfClose() { worker.post(.end(reception)) }

  func onCancel(_ status: RPCStatus) {
    sender.close()
    worker.post(.broken(reception))
  }

  private static func watch(
    _ reception: SnapshotReception, _ worker: Mailbox<SnapshotReceipt>, on loop: any EventLoop,
    after pause: Duration
  ) {
    _ = loop.scheduleTask(in: TimeAmount(pause)) { [weak reception] in
      guard let reception else { return }
      switch reception.check(at: .now()) {
      case .continues(let pause): watch(reception, worker, on: loop, after: pause)
      case .stalled(let reason): worker.post(.stalled(reception, reason))
      }
    }
  }
}
