package import Codec
package import Logging
import NIOCore
import Protobuf
package import RPC
package import Raftstore
package import Runtime
import Synchronization

/// The methods of `tikvpb.Tikv` for other stores: raft messages and snapshots.
package final class RaftService: Sendable {
  private let ident: StoreIdent
  private let gate: StoreStreamGate
  private let router: Router
  private let snapshots: SnapManager
  /// Threads that write received snapshots; a stream belongs to one of them.
  private let receivers: [Worker<SnapshotReceipt>]
  private let nextReceiver = Atomic(0)
  private let received: Counter
  private let misdirected: Counter
  private let refused: [String: Counter]
  private let refusalLog = Mutex(RefusalLog())
  private let clock: any Clock
  private let overflowed: Counter
  private let logger: Logger
  private let streams: OpenStreams
  private let snapshotTimeout: Duration

  /// - Parameters:
  ///   - hasTTL: whether this store's raw values include their expiry.
  ///   - snapshotTimeout: the longest time without data after which a snapshot stream is ended.
  package init(
    ident: StoreIdent, hasTTL: Bool = false, router: Router, snapshots: SnapManager,
    host: any WorkerHost,
    streams: OpenStreams, metrics: Metrics, logger: Logger,
    snapshotTimeout: Duration = .seconds(30)
  ) {
    self.snapshotTimeout = snapshotTimeout
    self.ident = ident
    gate = StoreStreamGate(ident, hasTTL: hasTTL)
    self.logger = logger
    clock = host.clock
    self.router = router
    self.snapshots = snapshots
    self.streams = streams
    receivers = (0..<min(Self.maxReceivers, max(1, snapshots.limits.maxReceiving))).map { number in
      host.spawn(name: "snap-receive-\(number)", capacity: 1024) { _ in
        SnapshotReceiver(router: router, logger: logger)
      }
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
    router.unary("/tikvpb.Tikv/CheckLeader") { payload, call in
      service.checkLeaders(payload, call)
    }
    router.stream("/tikvpb.Tikv/Snapshot") { call in
      guard let sender = service.accept(call) else { return RefusedStream() }
      let reader = SnapshotStreamReader(
        storeID: service.ident.storeID, fromStoreID: sender.identity.fromStoreID,
        snapshots: service.snapshots)
      return SnapshotStreamHandler(
        call, sender, reader, service.receiver, timeout: service.snapshotTimeout)
    }
  }

  /// Syncing a file of one stream must not hold up all others.
  private static let maxReceivers = 4

  /// The thread of the next snapshot stream.
  private var receiver: Mailbox<SnapshotReceipt> {
    let number = nextReceiver.wrappingAdd(1, ordering: .relaxed).newValue
    return receivers[Int(UInt(bitPattern: number) % UInt(receivers.count))].mailbox
  }

  /// `CheckLeader`: which leaders of another store the peers here agree with.
  private func checkLeaders(_ payload: ByteBuffer, _ call: UnaryCall) {
    let identity = StoreStreamIdentity { call.metadata[$0] }
    do throws(StoreStreamRefusal) {
      try gate.verify(identity)
    } catch {
      log(error, identity, call.path)
      return call.fail(RPCStatus(.failedPrecondition, "\(error)"))
    }
    do throws(CodecError) {
      try FieldCount.check(payload.readableBytesSpan, .leaderCheck)
      let check = try LeaderCheck(decoding: payload.readableBytesSpan)
      router.check(check.leaders) { call.reply(LeaderCheckResponse(regionIDs: $0).encoded()) }
    } catch {
      call.fail(RPCStatus(.invalidArgument, "malformed leaders: \(error)"))
    }
  }

  /// Admits a stream by the identity in its headers; nil if it was refused and its messages are ignored.
  private func accept(_ call: StreamCall) -> AdmittedStream? {
    let identity = StoreStreamIdentity { call.metadata[$0] }
    do throws(StoreStreamRefusal) {
      return try gate.admit(identity)
    } catch {
      refuse(call, identity, error)
      return nil
    }
  }

  /// Whether the sender of a stream is still valid; ends the stream if not.
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
    log(refusal, identity, call.path)
    call.finish(RPCStatus(.failedPrecondition, "\(refusal)"))
  }

  private func log(
    _ refusal: StoreStreamRefusal, _ identity: StoreStreamIdentity?, _ path: String
  ) {
    refused[refusal.label]?.increment()
    if refusalLog.withLock({ $0.admits(refusal, from: identity, now: clock.now) }) {
      logger.warning(
        "a stream of another store was refused",
        metadata: ["reason": "\(refusal)", "path": "\(path)"])
    }
  }

  /// Writes the snapshot data that has arrived, and ends the worker. Blocks.
  package func stop() {
    for receiver in receivers { receiver.stop() }
  }

  /// Delivers the messages whose sender is the store that opened the stream and whose receiver is this store.
  private func deliver(_ envelopes: [RaftEnvelope], from sender: AdmittedStream) {
    received.increment(by: UInt64(envelopes.count))
    let fromStoreID = sender.identity.fromStoreID
    func isExpected(_ envelope: RaftEnvelope) -> Bool {
      envelope.to.storeID == ident.storeID && envelope.from.storeID == fromStoreID
    }
    var own = envelopes
    if !envelopes.allSatisfy(isExpected) {
      own = envelopes.filter(isExpected)
      misdirected.increment(by: UInt64(envelopes.count - own.count))
    }
    let dropped = router.deliver(own)
    if dropped > 0 { overflowed.increment(by: UInt64(dropped)) }
  }
}

/// The handler of a stream that was refused.
private final class RefusedStream: StreamHandler {
  func onMessage(_ message: ByteBuffer) {}
  func onHalfClose() {}
  func onCancel(_ status: RPCStatus) {}
}

/// A stream of raft messages from another store. It has no end of its own.
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
    // The other store resets its backoff when the headers arrive.
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
