import Codec
import Logging
import NIOCore
import RPC
import Raftstore
import Runtime
import Synchronization

/// An event of a snapshot stream, for the thread that writes files.
enum SnapshotReceipt: Sendable {
  case chunk(SnapshotReception, ByteBuffer)
  /// The sender is done.
  case end(SnapshotReception)
  /// The sender is gone.
  case broken(SnapshotReception)
  /// The sender is there, but brings nothing, or too little.
  case stalled(SnapshotReception, String)
}

/// Writes what arrives on snapshot streams, then passes their messages to the store.
struct SnapshotReceiver: Handler {
  let router: Router
  let logger: Logger

  mutating func handle(_ batch: [SnapshotReceipt]) {
    for receipt in batch {
      switch receipt {
      case .chunk(let reception, let bytes): reception.take(bytes, router, logger)
      case .end(let reception): reception.finish(router, logger)
      case .broken(let reception): reception.abandon()
      case .stalled(let reception, let reason): reception.giveUp(reason, logger)
      }
    }
  }

  mutating func stop() {}
}

/// One snapshot stream. Its reader is used by the receiving worker only.
final class SnapshotReception: Sendable {
  private struct State {
    var reader: SnapshotStreamReader
    /// Whether the chunk with the message has come; the others hold data only.
    var hasBegun = false
    /// The sender has been completed; what else comes is not looked at.
    var isOver = false
  }

  private let call: StreamCall
  /// Held for long: a file is written under it.
  private let state: Mutex<State>
  private let progress: Mutex<SnapshotProgressWatch>

  init(_ call: StreamCall, _ reader: SnapshotStreamReader, patience: Duration) {
    self.call = call
    state = Mutex(State(reader: reader))
    progress = Mutex(SnapshotProgressWatch(patience: patience, now: .now()))
  }

  // MARK: On the event loop

  /// A chunk came: it is not written yet.
  func arrived(_ bytes: Int) { progress.withLock { $0.arrived(bytes) } }

  /// What to do about the stream at this time.
  func check(at now: NIODeadline) -> SnapshotProgressWatch.Verdict {
    progress.withLock { $0.check(at: now) }
  }

  // MARK: On the receiving worker

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
    answer(outcome, router, logger)
  }

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
    answer(outcome, router, logger)
  }

  func abandon() {
    state.withLock { state in
      if !state.isOver { state.reader.abandon() }
      state.isOver = true
    }
  }

  /// Ends the stream: its slot and its files are needed by others.
  func giveUp(_ reason: String, _ logger: Logger) {
    let isEnded = state.withLock { state in
      if state.isOver { return false }
      state.isOver = true
      state.reader.abandon()
      return true
    }
    guard isEnded else { return }
    logger.warning("receiving a snapshot was given up", metadata: ["reason": "\(reason)"])
    call.finish(RPCStatus(.deadlineExceeded, reason))
  }

  private func answer(
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

/// The event loop's side of a snapshot stream: passes on, and lets no more in than was written.
final class SnapshotStreamHandler: StreamHandler {
  private let worker: Mailbox<SnapshotReceipt>
  private let reception: SnapshotReception
  /// The stream counts as one of its store's for as long as this lives.
  private let sender: AdmittedStream

  init(
    _ call: StreamCall, _ sender: AdmittedStream, _ reader: SnapshotStreamReader,
    _ worker: Mailbox<SnapshotReceipt>, patience: Duration
  ) {
    self.worker = worker
    self.sender = sender
    reception = SnapshotReception(call, reader, patience: patience)
    call.receiveAlways()
    call.holdReceived()
    Self.watch(reception, worker, on: call.eventLoop, after: patience)
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
      case .goesOn(let pause): watch(reception, worker, on: loop, after: pause)
      case .stalled(let reason): worker.post(.stalled(reception, reason))
      }
    }
  }
}
