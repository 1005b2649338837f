package import Codec
package import Logging
import NIOCore
package import RPC
package import Raftstore
package import Runtime
import Synchronization

/// `tikvpb.Tikv`, what other stores call: raft messages and snapshots.
package final class RaftService: Sendable {
  private let ident: StoreIdent
  private let gate: StoreStreamGate
  private let router: Router
  private let snapshots: SnapManager
  private let worker: Worker<SnapshotReceipt>
  private let received: Counter
  private let misdirected: Counter
  private let refused: [String: Counter]
  private let refusalLog = Mutex(RefusalLog())
  private let clock: any Clock
  private let overflowed: Counter
  private let logger: Logger
  private let streams: OpenStreams
  private let snapshotPatience: Duration

  /// - Parameter snapshotPatience: how long a snapshot stream may bring nothing before it is ended.
  package init(
    ident: StoreIdent, router: Router, snapshots: SnapManager, host: any WorkerHost,
    streams: OpenStreams, metrics: Metrics, logger: Logger,
    snapshotPatience: Duration = .seconds(30)
  ) {
    self.snapshotPatience = snapshotPatience
    self.ident = ident
    gate = StoreStreamGate(ident)
    self.logger = logger
    clock = host.clock
    self.router = router
    self.snapshots = snapshots
    self.streams = streams
    worker = host.spawn(name: "snap-receive", capacity: 1024) { _ in
      SnapshotReceiver(router: router, logger: logger)
    }
    received = metrics.counter(
      "tikv_server_raft_message_recv_total", "Raft messages received from other stores.")
    misdirected = metrics.counter(
      "tikv_raftstore_raft_dropped_message_total", "Raft messages dropped before sending.",
      labels: [("type", "mismatch_store_id")])
    refused = Dictionary(
      uniqueKeysWithValues: StoreStreamRefusal.labels.map { label in
        let counter = metrics.counter(
          "apus_raft_stream_refused_total", "Streams of other stores that were refused or ended.",
          labels: [("type", label)])
        return (label, counter)
      })
    overflowed = metrics.counter(
      "tikv_raftstore_raft_dropped_message_total", "Raft messages dropped before sending.",
      labels: [("type", "full")])
  }

  /// Adds the methods between stores (`Raft`, `BatchRaft`, `Snapshot`) to the router.
  package func register(on router: inout MethodRouter) {
    let service = self
    router.stream("/tikvpb.Tikv/BatchRaft") { call in
      guard let sender = service.accept(call) else { return RefusedStream() }
      return RaftStreamHandler(call, sender, service.streams) { payload throws(CodecError) in
        guard service.confirm(sender, call) else { return }
        try FieldCount.check(payload.readableBytesSpan, .raftBatch)
        service.deliver(try RaftBatch(decoding: payload.readableBytesSpan).messages, from: sender)
      }
    }
    router.stream("/tikvpb.Tikv/Raft") { call in
      guard let sender = service.accept(call) else { return RefusedStream() }
      return RaftStreamHandler(call, sender, service.streams) { payload throws(CodecError) in
        guard service.confirm(sender, call) else { return }
        try FieldCount.check(payload.readableBytesSpan, .raftEnvelope)
        service.deliver([try RaftEnvelope(decoding: payload.readableBytesSpan)], from: sender)
      }
    }
    router.stream("/tikvpb.Tikv/Snapshot") { call in
      guard let sender = service.accept(call) else { return RefusedStream() }
      let reader = SnapshotStreamReader(
        storeID: service.ident.storeID, fromStoreID: sender.identity.fromStoreID,
        snapshots: service.snapshots)
      return SnapshotStreamHandler(
        call, sender, reader, service.worker.mailbox, patience: service.snapshotPatience)
    }
  }

  /// Who opened a stream, or nil after the stream was refused: nothing of it is looked at.
  private func accept(_ call: StreamCall) -> AdmittedStream? {
    let identity = StoreStreamIdentity { call.metadata[$0] }
    do throws(StoreStreamRefusal) {
      return try gate.admit(identity)
    } catch {
      refuse(call, identity, error)
      return nil
    }
  }

  /// Whether a stream may go on; ends it if not.
  private func confirm(_ stream: AdmittedStream, _ call: StreamCall) -> Bool {
    do throws(StoreStreamRefusal) {
      try stream.confirm()
      return true
    } catch {
      refuse(call, stream.identity, error)
      return false
    }
  }

  private func refuse(
    _ call: StreamCall, _ identity: StoreStreamIdentity?, _ refusal: StoreStreamRefusal
  ) {
    refused[refusal.label]?.increment()
    if refusalLog.withLock({ $0.admits(refusal, from: identity, now: clock.now) }) {
      logger.warning(
        "a stream of another store was refused",
        metadata: ["reason": "\(refusal)", "path": "\(call.path)"])
    }
    call.finish(RPCStatus(.failedPrecondition, "\(refusal)"))
  }

  /// Finishes writing what has arrived. Blocks.
  package func stop() { worker.stop() }

  /// Passes on what is for this store and comes from the store that opened the stream.
  private func deliver(_ envelopes: [RaftEnvelope], from sender: AdmittedStream) {
    received.increment(by: UInt64(envelopes.count))
    let fromStoreID = sender.identity.fromStoreID
    func isRight(_ envelope: RaftEnvelope) -> Bool {
      envelope.to.storeID == ident.storeID && envelope.from.storeID == fromStoreID
    }
    var own = envelopes
    if !envelopes.allSatisfy(isRight) {
      own = envelopes.filter(isRight)
      misdirected.increment(by: UInt64(envelopes.count - own.count))
    }
    let dropped = router.deliver(own)
    if dropped > 0 { overflowed.increment(by: UInt64(dropped)) }
  }
}

/// A stream that was ended before its first message.
private final class RefusedStream: StreamHandler {
  func onMessage(_ message: ByteBuffer) {}
  func onHalfClose() {}
  func onCancel(_ status: RPCStatus) {}
}

/// Raft messages from another store, for as long as it likes.
private final class RaftStreamHandler: StreamHandler {
  private let call: StreamCall
  private let sender: AdmittedStream
  private let take: (ByteBuffer) throws(CodecError) -> Void
  private let streams: OpenStreams
  private let name: UInt64

  init(
    _ call: StreamCall, _ sender: AdmittedStream, _ streams: OpenStreams,
    _ take: @escaping (ByteBuffer) throws(CodecError) -> Void
  ) {
    self.call = call
    self.sender = sender
    self.take = take
    self.streams = streams
    name = streams.add(call)
    call.receiveAlways()
    // The other store takes the headers as a sign that its messages arrive.
    call.sendHeaders()
  }

  deinit { streams.remove(name) }

  func onMessage(_ message: ByteBuffer) {
    do throws(CodecError) {
      try take(message)
    } catch {
      call.finish(RPCStatus(.invalidArgument, "malformed raft message: \(error)"))
    }
  }

  func onHalfClose() {
    streams.remove(name)
    sender.close()
    // `raft_serverpb.Done` has no fields.
    call.send(ByteBuffer())
    call.finish()
  }

  func onCancel(_ status: RPCStatus) { sender.close() }
}
