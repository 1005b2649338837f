import Codec
import Engine
import History
import Logging
import Raft
import RaftLog
import Runtime

@testable import Simulation
@testable import SimulationKit

/// A small cluster at rest, with some data, for checkers to be shown: as it is, and tampered with.
final class CheckerFixture {
  let scheduler = SimulationScheduler(seed: 7)
  let cluster: SimulatedCluster
  private let recorder = HistoryRecorder()

  enum Failure: Error {
    case notFounded
    case notWritten
    case nothingSeen
    case noReplica
  }

  /// - Parameter boundaries: where regions are cut.
  init(boundaries: [[UInt8]] = []) throws {
    var shape = SimulatedCluster.Shape()
    shape.boundaries = boundaries
    shape.raftstore.stalePeers.checkInterval = .seconds(4)
    shape.placement.warmUpTime = .seconds(1)
    shape.placement.maxStoreDownTime = .seconds(600)
    let logger = Logger(label: "checkers") { _ in SwiftLogNoOpLogHandler() }
    cluster = try SimulatedCluster(
      shape, scheduler: scheduler, parts: StoreInterposers(), logger: logger, seed: 7)
    guard try cluster.bootstrap(within: .seconds(60)) else { throw Failure.notFounded }
    try write(20)
  }

  deinit { cluster.shutDown() }

  /// Writes so many keys, and waits until all replicas have them.
  func write(_ count: Int) throws {
    var left = count
    let client = SimulatedClient(
      number: recorder.operations.count, cluster: cluster, recorder: recorder, replicaReads: 0,
      seed: 1,
      next: {
        guard left > 0 else { return nil }
        left -= 1
        return (
          .milliseconds(2),
          .put(key: WorkloadKeys.key(left), value: Array("v\(left)".utf8))
        )
      }, done: { _ in })
    let before = recorder.succeeded
    client.begin()
    scheduler.run(until: scheduler.now + .seconds(20)) { left == 0 && client.isIdle }
    guard recorder.succeeded == before + count else { throw Failure.notWritten }
    pass(.seconds(1))
  }

  func pass(_ time: Duration) { scheduler.run(until: scheduler.now + time) }

  /// The cluster as it is now.
  func view() throws -> ClusterView {
    var seen: ClusterView?
    cluster.inspect { seen = $0 }
    pass(.milliseconds(10))
    guard let seen else { throw Failure.nothingSeen }
    return seen
  }

  // MARK: Parts to tamper with

  var regionID: UInt64 {
    get throws {
      guard let region = cluster.newestRegions().first else { throw Failure.noReplica }
      return region.id
    }
  }

  /// The region's replica on a store's disk.
  func replica(_ store: SimulatedStore) throws -> DiskView.Replica {
    guard let replica = DiskView(store).replica(try regionID) else { throw Failure.noReplica }
    return replica
  }

  func leader() throws -> SimulatedStore {
    guard let leader = try view().leader(of: try regionID) else { throw Failure.noReplica }
    return leader.store
  }

  func follower() throws -> SimulatedStore {
    let leader = try leader()
    guard let follower = cluster.stores.first(where: { $0 !== leader }) else {
      throw Failure.noReplica
    }
    return follower
  }

  /// Replaces the region's log on a store by an empty one, which begins after `index`.
  func replaceLog(
    _ store: SimulatedStore, after index: UInt64, term: UInt64, _ state: HardState
  ) throws {
    var destruction = LogBatch()
    destruction.destroy(try regionID)
    _ = try store.disk.logs.write(destruction, .synced)
    var batch = LogBatch()
    batch.reset(try regionID, index: index, term: term, hardState: state)
    _ = try store.disk.logs.write(batch, .synced)
  }

  func write(_ store: SimulatedStore, _ fill: (inout WriteBatch) throws -> Void) throws {
    var batch = WriteBatch()
    try fill(&batch)
    try store.disk.engine.write(batch, .synced)
  }
}
