import Codec
import Logging
import NIOCore
import RPC
import Raftstore
import Runtime
import Synchronization

/// Shared state of everything that sends to other stores.
final class TransportContext: Sendable {
  let addresses: StoreAddresses
  let router: Router
  let group: any EventLoopGroup
  /// The loops of connections that carry raft messages.
  let raftGroup: any EventLoopGroup
  let host: any WorkerHost
  let configuration: ClientConfiguration
  let logger: Logger
  let metrics: TransportMetrics
  let isStopping = Atomic(false)
  private let identity = Mutex<(ident: StoreIdent, incarnation: UInt64)?>(nil)

  init(
    addresses: StoreAddresses, router: Router, group: any EventLoopGroup,
    raftGroup: any EventLoopGroup, host: any WorkerHost,
    configuration: ClientConfiguration, logger: Logger, metrics: TransportMetrics
  ) {
    self.addresses = addresses
    self.router = router
    self.group = group
    self.raftGroup = raftGroup
    self.host = host
    self.configuration = configuration
    self.logger = logger
    self.metrics = metrics
  }

  func identify(_ ident: StoreIdent, incarnation: UInt64) {
    identity.withLock { $0 = (ident, incarnation) }
  }

  /// What a stream to that store says of its sender.
  func metadata(toStore id: UInt64) -> RPCMetadata {
    guard let own = identity.withLock({ $0 }) else {
      preconditionFailure("a stream to store \(id) before this store knows who it is")
    }
    let identity = StoreStreamIdentity(
      clusterID: own.ident.clusterID, fromStoreID: own.ident.storeID, toStoreID: id,
      incarnation: own.incarnation)
    return RPCMetadata(identity.headers)
  }

  /// A connection for raft messages: on loops of their own here and there.
  func makeRaftChannel(to target: RPCTarget) -> RPCChannel {
    var configuration = configuration
    configuration.hasPriority = true
    return RPCChannel(
      target: target, group: raftGroup, configuration: configuration, logger: logger)
  }

  /// A connection for snapshots, which are large and may take their time.
  func makeChannel(to target: RPCTarget) -> RPCChannel {
    RPCChannel(target: target, group: group, configuration: configuration, logger: logger)
  }
}

/// What is counted about messages to and from other stores.
struct TransportMetrics: Sendable {
  let sent: Counter
  let dropped: Counter
  let failures: Counter

  init(_ metrics: Metrics) {
    sent = metrics.counter("tikv_server_raft_message_flush_total", "Batches of raft messages sent.")
    dropped = metrics.counter(
      "tikv_raftstore_raft_dropped_message_total", "Raft messages dropped before sending.",
      labels: [("type", "transport")])
    failures = metrics.counter(
      "tikv_server_report_failure_msg_total", "Times another store could not be reached.",
      labels: [("type", "unreachable")])
  }
}
