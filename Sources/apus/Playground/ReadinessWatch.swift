import Client
import Runtime

/// Finds out when a new cluster serves: every store has joined, and every region has its replicas and a
/// leader.
struct ReadinessWatch {
  let endpoint: String
  let stores: Int

  /// Asks until the cluster is ready or `isOver` says that nobody cares any more.
  func wait(_ isOver: @Sendable () -> Bool) async throws -> Bool {
    var options = ClientOptions()
    options.timeout = .seconds(2)
    while !isOver() {
      if let client = try? await ApusClient.connect(to: [endpoint], options: options) {
        defer { client.close() }
        while !isOver() {
          if await isReady(client.cluster) { return true }
          try await Task.sleep(for: .milliseconds(20))
        }
      }
      try await Task.sleep(for: .milliseconds(20))
    }
    return false
  }

  /// A placement driver that cannot answer yet is not ready either.
  private func isReady(_ cluster: ClusterClient) async -> Bool {
    guard let found = try? await cluster.stores(), found.count >= stores,
      let regions = try? await cluster.regions(), !regions.isEmpty
    else { return false }
    let replicas = min(3, stores)
    return regions.allSatisfy { region in
      region.leader != nil && region.peers.count == replicas && region.pendingPeers.isEmpty
        && region.peers.allSatisfy { $0.role == .voter }
    }
  }
}
