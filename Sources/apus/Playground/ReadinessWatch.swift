import Client
import Runtime

/// Polls a new cluster until it serves: every store has joined, and every region has a leader and its
/// replicas, all of them up to date.
struct ReadinessWatch {
  /// The placement driver's address.
  let endpoint: String
  /// How many stores are expected.
  let stores: Int

  /// Polls until the cluster is ready (true) or `isOver` returns true (false).
  ///
  /// - Parameter progress: called with the state of the cluster when it has changed, at most once a second.
  func wait(
    _ isOver: @Sendable () -> Bool, progress: @Sendable (String) -> Void
  ) async throws -> Bool {
    var options = ClientOptions()
    options.timeout = .seconds(2)
    let clock = SystemClock()
    var shown = ""
    var shownAt = clock.now
    while !isOver() {
      if let client = try? await ApusClient.connect(to: [endpoint], options: options) {
        defer { client.close() }
        while !isOver() {
          let state = await poll(client.cluster)
          if state.isReady { return true }
          if state.description != shown, clock.now - shownAt > .seconds(1) {
            shown = state.description
            shownAt = clock.now
            progress(shown)
          }
          try await Task.sleep(for: .milliseconds(20))
        }
      }
      try await Task.sleep(for: .milliseconds(20))
    }
    return false
  }

  /// What one poll found.
  private struct State {
    var isReady = false
    var description = "waiting for the placement driver"
  }

  /// A placement driver that does not respond yet counts as not ready.
  private func poll(_ cluster: ClusterClient) async -> State {
    guard let found = try? await cluster.stores(), let regions = try? await cluster.regions()
    else { return State() }
    let replicas = min(3, stores)
    let whole = regions.count { region in
      region.leader != nil && region.peers.count == replicas && region.pendingPeers.isEmpty
        && region.peers.allSatisfy { $0.role == .voter }
    }
    return State(
      isReady: found.count >= stores && !regions.isEmpty && whole == regions.count,
      description: "\(found.count) of \(stores) stores have joined, "
        + "\(whole) of \(max(1, regions.count)) regions have \(replicas) replicas")
  }
}
