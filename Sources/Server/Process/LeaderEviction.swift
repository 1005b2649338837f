import Codec
import Raft
import Raftstore
import Runtime
import Synchronization

/// Transfers the leaders of a stopping store to other stores, so that no client has to wait for an
/// election.
struct LeaderEviction {
  private static let checkInterval = Duration.milliseconds(50)

  let store: Store
  let host: any WorkerHost

  /// Returns when this store leads no region that has other voters, or after `limit`.
  func run(atMost limit: Duration) async {
    let deadline = host.clock.now + limit
    var requested: [UInt64: Instant] = [:]
    while host.clock.now < deadline {
      let led = await statuses().filter { $0.role == .leader && !others($0).isEmpty }
      if led.isEmpty { return }
      let now = host.clock.now
      for status in led {
        // A transfer may fail; it is repeated after a second.
        if let last = requested[status.region.id], now - last < .seconds(1) { continue }
        requested[status.region.id] = now
        transfer(status)
      }
      await pause()
    }
  }

  /// Voters on other stores, those with the longest matching log first.
  private func others(_ status: RegionStatus) -> [PeerInfo] {
    status.region.peers
      .filter { $0.id != status.peer.id && $0.role == .voter }
      .sorted { match($0, status) > match($1, status) }
  }

  private func match(_ peer: PeerInfo, _ status: RegionStatus) -> UInt64 {
    let progress = status.progress.first { $0.peerID == peer.id }
    return progress.map { $0.isActive ? $0.match : 0 } ?? 0
  }

  private func transfer(_ status: RegionStatus) {
    let targets = others(status)
    guard let target = targets.first else { return }
    let done = Completion<Result<[Region], RegionError>>(abandoned: .failure(.staleCommand)) { _ in
    }
    store.router.proposeAdmin(
      AdminRequest(
        regionID: status.region.id, epoch: status.region.epoch,
        command: .transferLeader(peer: target, candidates: Array(targets.dropFirst())),
        completion: done))
  }

  private func pause() async {
    await withCheckedContinuation { continuation in
      _ = host.after(Self.checkInterval) { continuation.resume() }
    }
  }

  /// The statuses that arrive within `checkInterval`, from all raft workers.
  private func statuses() async -> [RegionStatus] {
    let collected = CollectedStatuses()
    store.inspect(nil) { collected.add($0) }
    await pause()
    return collected.all
  }
}

private final class CollectedStatuses: Sendable {
  private let statuses = Mutex<[RegionStatus]>([])

  func add(_ more: [RegionStatus]) { statuses.withLock { $0 += more } }
  var all: [RegionStatus] { statuses.withLock { $0 } }
}
