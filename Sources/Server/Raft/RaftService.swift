import Codec
import Logging
import NIOCore
import RPC
import Raftstore
import Runtime

/// `tikvpb.Tikv`, what other stores call: raft messages and snapshots.
package final class RaftService: Sendable {
  private let storeID: UInt64
  private let router: Router
  private let snapshots: SnapManager
  private let worker: Worker<SnapshotReceipt>
  private let received: Counter
  private let misdirected: Counter

  init(
    storeID: UInt64, router: Router, snapshots: SnapManager, host: any WorkerHost,
    metrics: Metrics, logger: Logger
  ) {
    self.storeID = storeID
    self.router = router
    self.snapshots = snapshots
    worker = host.spawn(name: "snap-receive", capacity: 1024) { _ in
      SnapshotReceiver(router: router, logger: logger)
    }
    received = metrics.counter(
      "tikv_server_raft_message_recv_total", "Raft messages received from other stores.")
    misdirected = metrics.counter(
      "tikv_raftstore_raft_dropped_message_total", "Raft messages dropped before sending.",
      labels: [("type", "mismatch_store_id")])
  }

  func register(on router: inout MethodRouter) {
    let service = self
    router.stream("/tikvpb.Tikv/BatchRaft") { call in
      RaftStreamHandler(call) { payload throws(CodecError) in
        service.deliver(try RaftBatch(decoding: payload.readableBytesSpan).messages)
      }
    }
    router.stream("/tikvpb.Tikv/Raft") { call in
      RaftStreamHandler(call) { payload throws(CodecError) in
        service.deliver([try RaftEnvelope(decoding: payload.readableBytesSpan)])
      }
    }
    router.stream("/tikvpb.Tikv/Snapshot") { call in
      let reader = SnapshotStreamReader(storeID: service.storeID, snapshots: service.snapshots)
      return SnapshotStreamHandler(call, reader, service.worker.mailbox)
    }
  }

  /// Finishes writing what has arrived. Blocks.
  func stop() { worker.stop() }

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

  init(_ call: StreamCall, _ take: @escaping (ByteBuffer) throws(CodecError) -> Void) {
    self.call = call
    self.take = take
    // The other store takes the headers as a sign that its messages arrive.
    call.sendHeaders()
  }

  func onMessage(_ message: ByteBuffer) {
    do throws(CodecError) {
      try take(message)
    } catch {
      call.finish(RPCStatus(.invalidArgument, "malformed raft message: \(error)"))
    }
  }

  func onHalfClose() {
    // `raft_serverpb.Done` has no fields.
    call.send(ByteBuffer())
    call.finish()
  }

  func onCancel(_ status: RPCStatus) {}
}
