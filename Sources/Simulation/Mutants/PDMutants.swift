import Codec
import Raftstore
import Runtime

/// Placement drivers that forget, invent or ask for too much.
enum PDMutants {
  static let all: [Mutant] = [
    Mutant("pd-reuses-ids", "The placement driver forgets at its restart which ids it gave away.") {
      $0.faults = [.pdRestart, .wipe, .changeMembers]
      $0.shape.stores = 4
      $0.prepare = { $0.driver.forget(key: "pd/id_end") }
    },
    Mutant(
      "pd-forgets-the-cluster",
      "The placement driver forgets at its restart that the cluster was founded."
    ) {
      $0.faults = [.pdRestart, .wipe]
      $0.prepare = { $0.driver.forget(key: "pd/cluster") }
    },
    Mutant(
      "pd-invents-membership",
      "The placement driver answers that a region has lost a peer which is in it."
    ) {
      $0.faults = [.partition, .oneWay]
      $0.shape.raftstore.stalePeers.checkInterval = .seconds(1)
      $0.shape.raftstore.stalePeers.abnormalLeaderMissing = .milliseconds(500)
      $0.shape.raftstore.stalePeers.maxLeaderMissing = .milliseconds(800)
      $0.prepare = { cluster in
        cluster.driver.amendRegion = { found in
          var found = found
          guard found.region.peers.count > 1 else { return found }
          found.region.epoch.confVersion += 2
          let leader = found.leader?.id ?? 0
          found.region.peers.removeAll { $0.id != leader }
          return found
        }
      }
    },
    Mutant(
      "pd-takes-replicas", "The placement driver has replicas removed all the time."
    ) { setup in
      let cluster = ClusterReference(&setup)
      setup.faults = []
      setup.parts.pd = { part, _, process in
        FollowerRemovingPDClient(part, process.machine.scheduler, cluster)
      }
    },
  ]
}

extension SimulatedPD {
  /// Has the disk lose what is written under a key.
  fileprivate func forget(key: String) {
    let key = Array(key.utf8)
    wrapEngine = { engine in
      AlteredEngine(engine) { operation in
        guard case .put(_, key, _) = operation else { return false }
        return true
      }
    }
  }
}

/// Responds to reports of regions by orders to remove a follower.
///
/// Safety of `@unchecked Sendable`: belongs to the one thread of its scheduler.
private final class FollowerRemovingPDClient: ForwardingPDClient, @unchecked Sendable {
  private static let pause = Duration.milliseconds(50)

  private let scheduler: SimulationScheduler
  private let cluster: ClusterReference
  private var receive: (@Sendable (RegionOperator) -> Void)?
  private var nextOrder = Instant(nanoseconds: 0)

  init(
    _ base: any PDClient, _ scheduler: SimulationScheduler, _ cluster: ClusterReference
  ) {
    self.scheduler = scheduler
    self.cluster = cluster
    super.init(base)
  }

  override func onOperator(_ receive: @escaping @Sendable (RegionOperator) -> Void) {
    self.receive = receive
    base.onOperator(receive)
  }

  override func regionHeartbeat(_ heartbeat: RegionHeartbeat) {
    base.regionHeartbeat(heartbeat)
    let others = heartbeat.region.peers.filter { $0.id != heartbeat.leader.id }
    guard cluster.isBootstrapDone, scheduler.now >= nextOrder, others.count > 1,
      let victim = others.last
    else { return }
    nextOrder = scheduler.now + Self.pause
    receive?(
      RegionOperator(
        regionID: heartbeat.region.id, epoch: heartbeat.region.epoch, leader: heartbeat.leader,
        step: .changePeer(AdminCommand.PeerChange(type: .removeNode, peer: victim))))
  }
}
