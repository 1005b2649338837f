import Codec
import Logging
import NIOCore
import RPC
import Raftstore
import Runtime
import Synchronization

/// The state shared by everything that sends to other stores. Any thread.
final class TransportContext: Sendable {
  let addresses: StoreAddresses
  let router: Router
  /// Event loops of snapshot connections.
  let group: any EventLoopGroup
  /// Event loops of raft messages.
  let raftGroup: any EventLoopGroup
  let host: any WorkerHost
  let configuration: ClientConfiguration
  let logger: Logger
  let metrics: TransportMetrics
  /// Whether this store's raw values include their expiry.
  let hasTTL: Bool
  /// Set at shutdown; ends the sending of snapshots.
  let isStopping = Atomic(false)
  /// This store, once it is known.
  private let identity = Mutex<(ident: StoreIdent, incarnation: UInt64)?>(nil)

  init(
    addresses: StoreAddresses, router: Router, group: any EventLoopGroup,
    raftGroup: any EventLoopGroup, host: any WorkerHost,
    configuration: ClientConfiguration, logger: Logger, metrics: TransportMetrics, hasTTL: Bool
  ) {
    self.hasTTL = hasTTL
    self.addresses = addresses
    self.router = router
    self.group = group
    self.raftGroup = raftGroup
    self.host = host
    self.configuration = configuration
    self.logger = logger
    self.metrics = metrics
  }

  /// Sets the identity in the headers of streams.
  func identify(_ ident: StoreIdent, incarnation: UInt64) {
    identity.withLock { $0 = (ident, incarnation) }
  }

  /// The headers of a stream to that store. `identify` must have been called.
  func metadata(toStore id: UInt64) -> RPCMetadata {
    guard let own = identity.withLock({ $0 }) else {
      preconditionFailure("a stream to store \(id) before `identify`")
    }
    let identity = StoreStreamIdentity(
      clusterID: own.ident.clusterID, fromStoreID: own.ident.storeID, toStoreID: id,
      incarnation: own.incarnation, hasTTL: hasTTL)
    return RPCMetadata(identity.headers)
  }

  /// A connection for raft messages, on separate event loops on both sides.
  func makeRaftChannel(to target: RPCTarget) -> RPCChannel {
    var configuration = configuration
    configuration.hasPriority = true
    return RPCChannel(
      target: target, group: raftGroup, configuration: configuration, logger: logger)
  }

  /// A connection for a snapshot.
  func makeChannel(to target: RPCTarget) -> RPCChannel {
    var configuration = configuration
    // There may be one for each snapshot that is sent.
    configuration.sendBufferBytes = 1 << 20
    return RPCChannel(target: target, group: group, configuration: configuration, logger: logger)
  }
}

/// The counters of messages to other stores.
struct TransportMetrics: Sendable {
  let sent: Counter
  let dropped: Counter
  let failures: Counter
  let refusedSnapshots: Counter

  init(_ metrics: Metrics) {
    sent = metrics.counter("tikv_server_raft_message_flush_total", "Batches of raft messages sent.")
    dropped = metrics.counter(
      "tikv_raftstore_raft_dropped_message_total", "Raft messages dropped before sending.",
      labels: [("type", "transport")])
    refusedSnapshots = metrics.counter(
      "apus_snapshot_send_refused_total",
      "Snapshots not sent because as many as may be were being sent.")
    failures = metrics.counter(
      "tikv_server_report_failure_msg_total", "Times another store could not be reached.",
      labels: [("type", "unreachable")])
  }
}
