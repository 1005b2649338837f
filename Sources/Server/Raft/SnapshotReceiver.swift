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
  private let state: Mutex<State>

  init(_ call: StreamCall, _ reader: SnapshotStreamReader) {
    self.call = call
    state = Mutex(State(reader: reader))
  }

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

  init(_ call: StreamCall, _ reader: SnapshotStreamReader, _ worker: Mailbox<SnapshotReceipt>) {
    self.worker = worker
    reception = SnapshotReception(call, reader)
    call.receiveAlways()
    call.holdReceived()
  }

  func onMessage(_ message: ByteBuffer) { worker.post(.chunk(reception, message)) }
  func onHalfClose() { worker.post(.end(reception)) }
  func onCancel(_ status: RPCStatus) { worker.post(.broken(reception)) }
}
