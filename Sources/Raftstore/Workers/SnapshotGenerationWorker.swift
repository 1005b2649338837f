import Collections
package import Logging
import Runtime
import Synchronization

/// Snapshots to be generated, and the threads that do it. Any idle thread takes the next one, so that a large region
/// keeps no other waiting as long as there is a second thread. Any thread may call.
package final class SnapshotGenerations: Sendable {
  private struct State {
    var waiting: Deque<SnapshotRequest> = []
    var workers: [Mailbox<SnapshotWakeUp>] = []
    var isStopped = false
  }

  private let state = Mutex(State())

  package init() {}

  /// To be called before the first `submit`.
  func attach(_ workers: [Mailbox<SnapshotWakeUp>]) { state.withLock { $0.workers = workers } }

  /// Adds a request. It is completed by `RaftWorkerMessage.snapshotGenerated`, unless it is cancelled before.
  package func submit(_ request: SnapshotRequest) {
    let workers = state.withLock { state in
      state.waiting.append(request)
      return state.workers
    }
    for worker in workers { worker.post(SnapshotWakeUp()) }
  }

  /// The next one that is still wanted, in the order of submission; nil when none waits.
  func next() -> SnapshotRequest? {
    state.withLock { state in
      while let request = state.waiting.popFirst() {
        if !request.cancellation.isCancelled { return request }
      }
      return nil
    }
  }

  var isStopped: Bool { state.withLock { $0.isStopped } }

  /// Ends what is being generated, and forgets what waits: the store stops.
  func stop() {
    state.withLock { state in
      state.isStopped = true
      state.waiting.removeAll()
    }
  }
}

/// Something may wait to be generated.
package struct SnapshotWakeUp: Sendable {}

/// Builds the files of snapshots, one at a time.
package struct SnapshotGenerationWorker: Handler {
  private let generations: SnapshotGenerations
  private let snapshots: SnapManager
  private let meta: StoreMeta
  private let router: Router
  private let logger: Logger

  package init(
    generations: SnapshotGenerations, snapshots: SnapManager, meta: StoreMeta, router: Router,
    logger: Logger
  ) {
    self.generations = generations
    self.snapshots = snapshots
    self.meta = meta
    self.router = router
    self.logger = logger
  }

  package mutating func handle(_ batch: [SnapshotWakeUp]) {
    while let request = generations.next() { generate(request) }
  }

  package mutating func flush() {}

  private func generate(_ request: SnapshotRequest) {
    let region = request.region
    let result: Result<GeneratedSnapshot, SnapshotError>
    do throws(SnapshotError) {
      let snapshot = try snapshots.generate(request) {
        // A peer that is gone needs no snapshot any more.
        meta.held(region.id)?.region.peer(id: request.peerID) == nil || generations.isStopped
      }
      logger.info("region \(region.id): snapshot \(snapshot.key) is ready")
      result = .success(snapshot)
    } catch {
      if request.cancellation.isCancelled { return }
      logger.warning("region \(region.id): cannot generate a snapshot: \(error)")
      result = .failure(error)
    }
    if request.cancellation.isCancelled { return }
    router.post(
      .snapshotGenerated(regionID: region.id, peerID: request.peerID, result: result),
      to: region.id)
  }
}
