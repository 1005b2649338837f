package import Codec
package import Logging
package import NIOCore
import RPC
package import Raftstore
package import Runtime
import Synchronization

/// Sends raft messages to other stores over gRPC: one connection and one stream per store, and a separate
/// connection for each snapshot. Any thread.
package final class RPCTransport: Transport {
  private struct State {
    var links: [UInt64: StoreLink] = [:]
    var isClosed = false
  }

  private let state = Mutex(State())
  private let context: TransportContext
  private let senders: SnapshotSenders

  /// - Parameters:
  ///   - router: is notified of unreachable stores and of ended snapshots.
  ///   - group: event loops of snapshot connections.
  ///   - raftGroup: event loops of raft messages.
  ///   - security: nil for plain text.
  ///   - hasTTL: whether this store's raw values include their expiry.
  package init(
    pd: any PDClient, snapshots: SnapManager, router: Router,
    group: any EventLoopGroup, raftGroup: any EventLoopGroup, host: any WorkerHost,
    security: SecurityConfiguration?, hasTTL: Bool = false, metrics: Metrics, logger: Logger
  ) {
    var configuration = ClientConfiguration()
    configuration.maxBackoff = .seconds(2)
    configuration.sendBufferBytes = 4 << 20
    configuration.tls = security.map {
      ClientTLS(caPath: $0.caPath, certificatePath: $0.certificatePath, keyPath: $0.keyPath)
    }
    let context = TransportContext(
      addresses: StoreAddresses(pd: pd, clock: host.clock), router: router,
      group: group, raftGroup: raftGroup, host: host, configuration: configuration, logger: logger,
      metrics: TransportMetrics(metrics), hasTTL: hasTTL)
    self.context = context
    senders = SnapshotSenders(context: context, snapshots: snapshots)
  }

  package func identify(_ ident: StoreIdent, incarnation: UInt64) {
    context.identify(ident, incarnation: incarnation)
  }

  package func send(_ envelopes: [RaftEnvelope]) {
    guard let first = envelopes.first else { return }
    if envelopes.allSatisfy({ $0.to.storeID == first.to.storeID }) {
      link(to: first.to.storeID)?.send(envelopes)
      return
    }
    // By destination, in order. A linear search is cheap: there are as many groups as stores.
    var groups: [(storeID: UInt64, envelopes: [RaftEnvelope])] = []
    for envelope in envelopes {
      if let index = groups.firstIndex(where: { $0.storeID == envelope.to.storeID }) {
        groups[index].envelopes.append(envelope)
      } else {
        groups.append((envelope.to.storeID, [envelope]))
      }
    }
    for group in groups { link(to: group.storeID)?.send(group.envelopes) }
  }

  package func sendSnapshot(_ envelope: RaftEnvelope, key: SnapshotKey) {
    senders.send(SnapshotSending(envelope: envelope, key: key))
  }

  package func check(
    _ leaders: LeaderCheck, onStore storeID: UInt64,
    _ completion: @escaping @Sendable (LeaderCheckResponse) -> Void
  ) {
    link(to: storeID)?.check(leaders, completion)
  }

  /// Closes all connections; queued messages are lost. Blocks until snapshots in progress have ended.
  package func close() {
    let links = state.withLock { state in
      state.isClosed = true
      defer { state.links = [:] }
      return state.links.sorted { $0.key < $1.key }.map(\.value)
    }
    context.isStopping.store(true, ordering: .relaxed)
    senders.close()
    for link in links { link.close() }
  }

  private func link(to storeID: UInt64) -> StoreLink? {
    state.withLock { state in
      if let link = state.links[storeID] { return link }
      guard !state.isClosed else { return nil }
      let link = StoreLink(storeID: storeID, context: context)
      state.links[storeID] = link
      return link
    }
  }
}
