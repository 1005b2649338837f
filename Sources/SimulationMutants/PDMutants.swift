import Codec
import Raftstore
import Runtime
import SimulationKit

/// Placement drivers that lose or forge records, or that schedule what they must not.
enum PDMutants {
  static let all: [Mutant] = [
    Mutant("pd-reuses-ids", "The placement driver loses at its restart which ids it has allocated.")
    {
      $0.faults = [.pdRestart, .wipe, .changeMembers]
      $0.shape.stores = 4
      $0.prepare = { $0.pd.forget(key: "pd/id_end") }
    },
    Mutant(
      "pd-loses-bootstrap",
      "The placement driver loses at its restart that the cluster is bootstrapped."
    ) {
      $0.faults = [.pdRestart, .wipe]
      $0.prepare = { $0.pd.forget(key: "pd/cluster") }
    },
    Mutant(
      "pd-forges-membership",
      "The placement driver responds that a region has lost a peer which is in it."
    ) {
      $0.faults = [.partition, .oneWay]
      $0.shape.raftstore.stalePeers.checkInterval = .seconds(1)
      $0.shape.raftstore.stalePeers.abnormalLeaderMissing = .milliseconds(500)
      $0.shape.raftstore.stalePeers.maxLeaderMissing = .milliseconds(800)
      $0.prepare = { cluster in
        cluster.pd.amendRegion = { found in
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
      "pd-removes-replicas", "The placement driver has replicas removed all the time."
    ) { setup in
      let cluster = ClusterReference(&setup)
      setup.faults = []
      setup.parts.pd = { part, _, process in
        FollowerRemovingPDClient(part, process.machine.scheduler, cluster)
      }
    },
    Mutant(
      "pd-keeps-joint-states", "The placement driver never has a joint configuration left."
    ) {
      $0.faults = [.jointChange]
      $0.shape.stores = 4
      $0.parts.pd = { part, _, _ in
        OperatorDroppingPDClient(part) { $0.step == .changePeerV2([]) }
      }
    },
    Mutant(
      "pd-forgets-timestamps",
      "The placement driver loses at its restart up to where timestamps may have been issued."
    ) {
      $0.faults = [.pdRestart, .skew]
      $0.prepare = { $0.pd.forget(key: "pd/tso_end") }
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

/// Responds to region heartbeats with operators that remove a follower.
private final class FollowerRemovingPDClient: ForwardingPDClient {
  private static let pause = Duration.milliseconds(50)

  let base: any PDClient
  private let scheduler: SimulationScheduler
  private let cluster: ThreadBound<ClusterReference>
  private let receive = ThreadBound<(@Sendable (RegionOperator) -> Void)?>(nil)
  private let nextOperator = ThreadBound(Instant(nanoseconds: 0))

  init(
    _ base: any PDClient, _ scheduler: SimulationScheduler, _ cluster: ClusterReference
  ) {
    self.base = base
    self.scheduler = scheduler
    self.cluster = ThreadBound(cluster)
  }

  func onOperator(_ receive: @escaping @Sendable (RegionOperator) -> Void) {
    self.receive.value = receive
    base.onOperator(receive)
  }

  func regionHeartbeat(_ heartbeat: RegionHeartbeat) {
    base.regionHeartbeat(heartbeat)
    let others = heartbeat.region.peers.filter { $0.id != heartbeat.leader.id }
    guard cluster.value.isBootstrapDone, scheduler.now >= nextOperator.value, others.count > 1,
      let victim = others.last
    else { return }
    nextOperator.value = scheduler.now + Self.pause
    receive.value?(
      RegionOperator(
        regionID: heartbeat.region.id, epoch: heartbeat.region.epoch, leader: heartbeat.leader,
        step: .changePeer(AdminCommand.PeerChange(type: .removeNode, peer: victim))))
  }
}

/// Some operators do not arrive.
private final class OperatorDroppingPDClient: ForwardingPDClient {
  let base: any PDClient
  private let drops: @Sendable (RegionOperator) -> Bool

  init(_ base: any PDClient, _ drops: @escaping @Sendable (RegionOperator) -> Bool) {
    self.base = base
    self.drops = drops
  }

  func onOperator(_ receive: @escaping @Sendable (RegionOperator) -> Void) {
    base.onOperator { [drops] order in
      if !drops(order) { receive(order) }
    }
  }
}
