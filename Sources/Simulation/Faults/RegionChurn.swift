import Codec
import Engine
import PlacementDriver
import Raftstore
import Runtime
import SimulationKit

/// Region changes throughout the run, as an operator or another placement driver might request.
final class RegionChurn {
  let context: FaultContext
  let losses: PermanentLosses
  /// Asks the placement driver for ids.
  private let process: SimulatedProcess

  init(_ context: FaultContext, _ losses: PermanentLosses) {
    self.context = context
    self.losses = losses
    process = SimulatedMachine(number: 998, name: "operator", scheduler: context.scheduler)
      .startProcess()
  }

  func inject(_ fault: PlannedFault) {
    context.cluster.inspect { [weak self] view in
      guard let self, !context.isOver else { return }
      let regions = context.cluster.newestRegions()
      guard !regions.isEmpty else { return }
      let id = regions[Int(fault.randomValues[0] % UInt64(regions.count))].id
      guard let leader = view.leader(of: id), leader.store.isUp else { return }
      switch fault.kind {
      case .compactLog:
        context.injects(fault, "region \(id)")
        leader.store.store?.router.post(.compactLog(regionID: id), to: id)
      case .transferLeader:
        transfer(fault, leader.status, leader.store)
      case .split:
        if regions.count < Self.maxRegions { split(fault, leader.status, leader.store) }
      case .merge:
        merge(fault, leader.status, leader.store, regions)
      case .changeMembers:
        changeMembers(fault, leader.status, leader.store)
      case .jointChange:
        changeJointly(fault, leader.status, leader.store)
      default: preconditionFailure("\(fault.kind) belongs to another class")
      }
    }
  }

  private func transfer(
    _ fault: PlannedFault, _ status: RegionStatus, _ store: SimulatedStore
  ) {
    let others = status.region.peers.filter { $0.role == .voter && $0.id != status.peer.id }
    guard !others.isEmpty else { return }
    let target = others[Int(fault.randomValues[1] % UInt64(others.count))]
    order(fault, .transferLeader(peer: target, candidates: []), status, store)
  }

  func order(
    _ fault: PlannedFault, _ command: AdminCommand, _ status: RegionStatus,
    _ store: SimulatedStore
  ) {
    guard let running = store.store else { return }
    context.injects(fault, "region \(status.region.id): \(command)")
    running.router.proposeAdmin(
      AdminRequest(
        regionID: status.region.id, epoch: status.region.epoch, command: command,
        // Refusals are as good as any other outcome: what is ordered here is not needed.
        completion: Completion(abandoned: .failure(.staleCommand)) { _ in }))
  }

  // MARK: Splits

  /// Regions beyond which none is split any more: a run is to end.
  private static let maxRegions = 14

  /// Cuts a region at one to three of its keys.
  private func split(
    _ fault: PlannedFault, _ status: RegionStatus, _ store: SimulatedStore
  ) {
    let region = status.region
    let keys = cutKeys(fault, of: region, store)
    if keys.isEmpty { return }
    let perRegion = 1 + region.peers.count
    allocateIDs(keys.count * perRegion) { [weak self] ids in
      let splits = keys.enumerated().map { position, key in
        let own = Array(ids[position * perRegion..<(position + 1) * perRegion])
        return AdminCommand.Split(key: key, newRegionID: own[0], newPeerIDs: Array(own[1...]))
      }
      let rightDerive = fault.randomValues[3] & 1 == 0
      self?.order(
        fault, .batchSplit(.init(splits: splits, rightDerive: rightDerive)), status, store)
    }
  }

  /// Keys of the region in ascending order, by the fault's random values. Their numbers are even: workloads
  /// count on pairs of keys that are in one region (`PairedKeys`).
  private func cutKeys(
    _ fault: PlannedFault, of region: Region, _ store: SimulatedStore
  ) -> [[UInt8]] {
    let found: [KeyValue]
    do throws(EngineError) {
      found = try store.disk.engine.scan(
        .default, from: region.startKey, to: region.endKey.isEmpty ? nil : region.endKey)
    } catch {
      return []
    }
    let keys = found.map(\.key).filter { $0 != region.startKey && ($0.last ?? 1) & 1 == 0 }
    guard !keys.isEmpty else { return [] }
    let chosen = (0...fault.randomValues[1] % 3).map { number in
      keys[Int(((fault.randomValues[2] >> (number * 16)) & 0xFFFF) % UInt64(keys.count))]
    }
    return Set(chosen).sorted { $0.lexicographicallyPrecedes($1) }
  }

  /// Passes on so many new ids; does nothing when the placement driver gives none.
  func allocateIDs(_ count: Int, _ body: @escaping ([UInt64]) -> Void) {
    context.cluster.pd.call(from: process, timeout: .seconds(3)) { (core, _) throws(PDError) in
      try core.allocateIDs(UInt64(count))
    } _: { [weak self] result in
      guard let self, !context.isOver, case .success(let last) = result else { return }
      body(Array((last - UInt64(count) + 1)...last))
    }
  }

  // MARK: Merges

  /// Merges a region into a neighbor of its own.
  private func merge(
    _ fault: PlannedFault, _ status: RegionStatus, _ store: SimulatedStore, _ regions: [Region]
  ) {
    let region = status.region
    let neighbors = regions.filter { other in
      other.id != region.id
        && (!other.endKey.isEmpty && other.endKey == region.startKey
          || !region.endKey.isEmpty && region.endKey == other.startKey)
    }
    guard !neighbors.isEmpty else { return }
    let chosen = neighbors[Int(fault.randomValues[1] % UInt64(neighbors.count))]
    // As the store knows it: another one is refused.
    let target = store.store?.meta.held(chosen.id)?.region ?? chosen
    order(fault, .prepareMerge(.init(minIndex: 0, target: target)), status, store)
  }

  // MARK: Members

  private func changeMembers(
    _ fault: PlannedFault, _ status: RegionStatus, _ store: SimulatedStore
  ) {
    let region = status.region
    let empty = context.cluster.stores.compactMap { $0.store?.storeID }
      .filter { region.peer(onStore: $0) == nil }
    if fault.randomValues[1] & 1 == 0, !empty.isEmpty {
      let target = empty[Int(fault.randomValues[2] % UInt64(empty.count))]
      add(fault, to: target, status, store)
    } else {
      remove(fault, status, store)
    }
  }

  private func add(
    _ fault: PlannedFault, to target: UInt64, _ status: RegionStatus, _ store: SimulatedStore
  ) {
    allocateIDs(1) { [weak self] ids in
      let isVoter = fault.randomValues[3] & 3 == 0
      let peer = PeerInfo(id: ids[0], storeID: target, role: isVoter ? .voter : .learner)
      self?.order(
        fault,
        .changePeer(.init(type: isVoter ? .addNode : .addLearnerNode, peer: peer)), status, store)
    }
  }

  /// Two voters always remain, and no member is removed while a lost replica is being repaired.
  private func remove(
    _ fault: PlannedFault, _ status: RegionStatus, _ store: SimulatedStore
  ) {
    let region = status.region
    let voters = region.peers.filter { $0.role == .voter }.count
    let candidates = region.peers.filter {
      $0.id != status.peer.id && ($0.isLearner || voters > 2)
    }
    guard !candidates.isEmpty, !losses.isRepairing else { return }
    let victim = candidates[Int(fault.randomValues[2] % UInt64(candidates.count))]
    losses.lastRemoval = context.scheduler.now
    order(fault, .changePeer(.init(type: .removeNode, peer: victim)), status, store)
  }
}
