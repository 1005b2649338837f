import Codec
package import Logging
import NIOCore
package import RPC
package import Raftstore
package import Runtime

/// `tikvpb.Tikv`, what other stores call: raft messages and snapshots.
package final class RaftService: Sendable {
  private let storeID: UInt64
  private let router: Router
  private let snapshots: SnapManager
  private let worker: Worker<SnapshotReceipt>
  private let received: Counter
  private let misdirected: Counter
  private let streams: LiveStreams

  package init(
    storeID: UInt64, router: Router, snapshots: SnapManager, host: any WorkerHost,
    streams: LiveStreams, metrics: Metrics, logger: Logger
  ) {
    self.storeID = storeID
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
  }

  package func register(on router: inout MethodRouter) {
    let service = self
    router.stream("/tikvpb.Tikv/BatchRaft") { call in
      RaftStreamHandler(call, service.streams) { payload throws(CodecError) in
        // The batch, its envelopes, and the raft message in each.
        try FieldCount.check(payload.readableBytesSpan, depth: 3)
        service.deliver(try RaftBatch(decoding: payload.readableBytesSpan).messages)
      }
    }
    router.stream("/tikvpb.Tikv/Raft") { call in
      RaftStreamHandler(call, service.streams) { payload throws(CodecError) in
        try FieldCount.check(payload.readableBytesSpan, depth: 2)
        service.deliver([try RaftEnvelope(decoding: payload.readableBytesSpan)])
      }
    }
    router.stream("/tikvpb.Tikv/Snapshot") { call in
      let reader = SnapshotStreamReader(storeID: service.storeID, snapshots: service.snapshots)
      return SnapshotStreamHandler(call, reader, service.worker.mailbox)
    }
  }

  /// Finishes writing what has arrived. Blocks.
  package func stop() { worker.stop() }

  private func deliver(_ envelopes: [RaftEnvelope]) {
    received.increment(by: UInt64(envelopes.count))
    if envelopes.allSatisfy({ $0.to.storeID == storeID }) { return router.deliver(envelopes) }
    let own = envelopes.filter { $0.to.storeID == storeID }
    misdirected.increment(by: UInt64(envelopes.count - own.count))
    router.deliver(own)
  }
}

/// Raft messages from another store, for as long as it likes.
private final class RaftStreamHandler: StreamHandler {
  private let call: StreamCall
  private let take: (ByteBuffer) throws(CodecError) -> Void
  private let streams: LiveStreams
  private let name: UInt64

  init(
    _ call: StreamCall, _ streams: LiveStreams,
    _ take: @escaping (ByteBuffer) throws(CodecError) -> Void
  ) {
    self.call = call
    self.take = take
    self.streams = streams
    name = streams.add(call)
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
    // `raft_serverpb.Done` has no fields.
    call.send(ByteBuffer())
    call.finish()
  }

  func onCancel(_ status: RPCStatus) {}
}
