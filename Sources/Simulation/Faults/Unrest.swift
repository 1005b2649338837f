import Codec
import PlacementDriver
import Raftstore
import Runtime
import Wire

/// Changes to regions that go on all the while: what an operator, or another placement driver, might
/// order.
///
/// Safety of `@unchecked Sendable`: belongs to the one thread of its scheduler.
final class Unrest: @unchecked Sendable {
  private let ground: FaultGround
  private let losses: PermanentLosses
  /// Asks the placement driver for ids.
  private let process: SimulatedProcess

  init(_ ground: FaultGround, _ losses: PermanentLosses) {
    self.ground = ground
    self.losses = losses
    process = SimulatedMachine(number: 998, name: "operator", scheduler: ground.scheduler)
      .startProcess()
  }

  func strike(_ fault: PlannedFault) {
    ground.cluster.inspect { [weak self] view in
      guard let self, !ground.isOver else { return }
      let regions = ground.cluster.newestRegions()
      guard !regions.isEmpty else { return }
      let id = regions[Int(fault.dice[0] % UInt64(regions.count))].id
      guard let leader = view.leader(of: id), leader.store.isUp else { return }
      switch fault.kind {
      case .compactLog:
        ground.strikes(fault, "region \(id)")
        leader.store.store?.router.post(.compactLog(regionID: id), to: id)
      case .transferLeader:
        transfer(fault, leader.status, leader.store)
      default:
        changeMembers(fault, leader.status, leader.store)
      }
    }
  }

  private func transfer(
    _ fault: PlannedFault, _ status: RegionStatus, _ store: SimulatedStore
  ) {
    let others = status.region.peers.filter { $0.role == .voter && $0.id != status.peer.id }
    guard !others.isEmpty else { return }
    let target = others[Int(fault.dice[1] % UInt64(others.count))]
    order(fault, .transferLeader(peer: target, candidates: []), status, store)
  }

  private func order(
    _ fault: PlannedFault, _ command: AdminCommand, _ status: RegionStatus,
    _ store: SimulatedStore
  ) {
    guard let running = store.store else { return }
    ground.strikes(fault, "region \(status.region.id): \(command)")
    running.router.administer(
      AdminRequest(
        regionID: status.region.id, epoch: status.region.epoch, command: command,
        // Refusals are as good as any other outcome: what is ordered here is not needed.
        completion: Completion(abandoned: .failure(.staleCommand)) { _ in }))
  }

  // MARK: Members

  private func changeMembers(
    _ fault: PlannedFault, _ status: RegionStatus, _ store: SimulatedStore
  ) {
    let region = status.region
    let empty = ground.cluster.stores.compactMap { $0.store?.storeID }
      .filter { region.peer(onStore: $0) == nil }
    if fault.dice[1] & 1 == 0, !empty.isEmpty {
      let target = empty[Int(fault.dice[2] % UInt64(empty.count))]
      add(fault, to: target, status, store)
    } else {
      remove(fault, status, store)
    }
  }

  private func add(
    _ fault: PlannedFault, to target: UInt64, _ status: RegionStatus, _ store: SimulatedStore
  ) {
    var request = Pdpb_AllocIDRequest()
    request.header.clusterID = ground.cluster.clusterID
    request.count = 1
    ground.cluster.driver.ask(
      PlacementDriver.allocID, request, from: process, timeout: .seconds(3)
    ) { [weak self] (result: Result<Result<Pdpb_AllocIDResponse, PlacementError>, CallFailure>) in
      guard let self, !ground.isOver, case .success(.success(let answer)) = result,
        !answer.header.hasError
      else { return }
      let isVoter = fault.dice[3] & 3 == 0
      let peer = Peer(id: answer.id, storeID: target, role: isVoter ? .voter : .learner)
      order(
        fault,
        .changePeer(.init(type: isVoter ? .addNode : .addLearnerNode, peer: peer)), status, store)
    }
  }

  /// Two voters always remain, and nobody goes while a lost replica is being made good.
  private func remove(
    _ fault: PlannedFault, _ status: RegionStatus, _ store: SimulatedStore
  ) {
    let region = status.region
    let voters = region.peers.filter { $0.role == .voter }.count
    let candidates = region.peers.filter {
      $0.id != status.peer.id && ($0.isLearner || voters > 2)
    }
    guard !candidates.isEmpty, !losses.isRepairing else { return }
    let victim = candidates[Int(fault.dice[2] % UInt64(candidates.count))]
    losses.lastRemoval = ground.scheduler.now
    order(fault, .changePeer(.init(type: .removeNode, peer: victim)), status, store)
  }
}
