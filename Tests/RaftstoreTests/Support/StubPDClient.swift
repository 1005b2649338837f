import Codec
import Raftstore
import Synchronization

/// A placement driver in memory that does what it is told: remembers what it hears, responses at once.
final class StubPD: Sendable {
  struct State {
    var nextID: UInt64 = 1
    /// Timestamps are issued upwards from here.
    var lastTimestamp: UInt64 = 1000
    var stores: [UInt64: StoreInfo] = [:]
    var regions: [UInt64: RegionHeartbeat] = [:]
    var bootstrapRegion: Region?
    var storeHeartbeats: [UInt64: StoreHeartbeat] = [:]
    var receivers: [UInt64: @Sendable (RegionOperator) -> Void] = [:]
    var refusalReceivers: [UInt64: @Sendable (RefusedHeartbeat) -> Void] = [:]
    /// Regions whose reports are refused.
    var refusedRegions: Set<UInt64> = []
    /// The resolved timestamp that each store has reported last.
    var resolved: [UInt64: UInt64] = [:]
    /// Reports that arrived, refused or not.
    var reportCounts: [UInt64: Int] = [:]
    /// What the heartbeats of these stores are completed.
    var heartbeatRefusals: [UInt64: PDClientError] = [:]
    var isReachable = true
    /// What a bootstrap is completed when it has been carried out.
    var losesBootstrapAnswers = false
    var forgottenRegions: Set<UInt64> = []
    /// Regions for whose split ids were asked, in order.
    var askedSplits: [Region] = []
    /// Requests for ids that wait for `answerSplits`.
    var heldSplits: [@Sendable () -> Void] = []
    var holdsSplits = false
    /// What stores are to do for the recovery of regions.
    var recoveryPlans: [UInt64: RecoveryPlan] = [:]
    var reports: [UInt64: StoreReport] = [:]
    /// The regions that each reported split has made.
    var reportedSplits: [[Region]] = []
  }

  let clusterID: UInt64
  let state = Mutex(State())

  init(clusterID: UInt64 = 7) {
    self.clusterID = clusterID
  }

  var nextID: UInt64 {
    state.withLock { state in
      state.nextID += 1
      return state.nextID
    }
  }

  func heartbeat(of regionID: UInt64) -> RegionHeartbeat? {
    state.withLock { $0.regions[regionID] }
  }

  /// Answers the requests for ids that were held back.
  func answerSplits() {
    let held = state.withLock { state in
      state.holdsSplits = false
      defer { state.heldSplits = [] }
      return state.heldSplits
    }
    for answer in held { answer() }
  }

  /// Sends an operator to the leader that was last reported.
  func order(_ step: RegionOperator.Step, regionID: UInt64) {
    guard let heartbeat = heartbeat(of: regionID) else { return }
    let receiver = state.withLock { $0.receivers[heartbeat.leader.storeID] }
    receiver?(
      RegionOperator(
        regionID: regionID, epoch: heartbeat.region.epoch, leader: heartbeat.leader, step: step))
  }

  fileprivate func result<T>(_ body: (inout State) -> Result<T, PDClientError>)
    -> Result<T, PDClientError>
  {
    state.withLock { state in
      guard state.isReachable else { return .failure(.unreachable("switched off")) }
      return body(&state)
    }
  }
}

/// The stub as one store sees it.
final class StubPDClient: PDClient {
  private let stub: StubPD
  private let owner: @Sendable () -> UInt64

  init(_ stub: StubPD, owner: @escaping @Sendable () -> UInt64) {
    self.stub = stub
    self.owner = owner
  }

  func clusterID(_ completion: @escaping @Sendable (Result<UInt64, PDClientError>) -> Void) {
    let id = stub.clusterID
    completion(stub.result { _ in .success(id) })
  }

  func allocateID(_ completion: @escaping @Sendable (Result<UInt64, PDClientError>) -> Void) {
    completion(
      stub.result { state in
        state.nextID += 1
        return .success(state.nextID)
      })
  }

  func timestamp(_ completion: @escaping @Sendable (Result<Timestamp, PDClientError>) -> Void) {
    completion(
      stub.result { state in
        state.lastTimestamp += 1
        return .success(Timestamp(state.lastTimestamp))
      })
  }

  func isBootstrapped(_ completion: @escaping @Sendable (Result<Bool, PDClientError>) -> Void) {
    completion(stub.result { .success($0.bootstrapRegion != nil) })
  }

  func bootstrap(
    store: StoreInfo, region: Region,
    _ completion: @escaping @Sendable (Result<Void, PDClientError>) -> Void
  ) {
    completion(
      stub.result { state in
        if state.bootstrapRegion != nil { return .failure(.alreadyBootstrapped) }
        state.bootstrapRegion = region
        state.stores[store.id] = store
        return state.losesBootstrapAnswers ? .failure(.unreachable("answer lost")) : .success(())
      })
  }

  func putStore(
    _ store: StoreInfo, _ completion: @escaping @Sendable (Result<Void, PDClientError>) -> Void
  ) {
    completion(
      stub.result { state in
        state.stores[store.id] = store
        return .success(())
      })
  }

  func store(
    id: UInt64, _ completion: @escaping @Sendable (Result<StoreInfo, PDClientError>) -> Void
  ) {
    completion(
      stub.result { state in
        state.stores[id].map { .success($0) } ?? .failure(.refused("no store \(id)"))
      })
  }

  func region(
    containing key: [UInt8],
    _ completion: @escaping @Sendable (Result<Region?, PDClientError>) -> Void
  ) {
    completion(
      stub.result { state in
        let known = state.regions.values.map(\.region).first { $0.contains(key) }
        return .success(known ?? state.bootstrapRegion)
      })
  }

  func region(
    id: UInt64, _ completion: @escaping @Sendable (Result<Region?, PDClientError>) -> Void
  ) {
    completion(stub.result { .success($0.regions[id]?.region) })
  }

  func askBatchSplit(
    _ region: Region, count: UInt32,
    _ completion: @escaping @Sendable (Result<[SplitIDs], PDClientError>) -> Void
  ) {
    let result = stub.result { state -> Result<[SplitIDs], PDClientError> in
      state.askedSplits.append(region)
      func newID() -> UInt64 {
        state.nextID += 1
        return state.nextID
      }
      return .success(
        (0..<count).map { _ in
          SplitIDs(regionID: newID(), peerIDs: region.peers.map { _ in newID() })
        })
    }
    let isHeld = stub.state.withLock { state in
      if state.holdsSplits { state.heldSplits.append { completion(result) } }
      return state.holdsSplits
    }
    if !isHeld { completion(result) }
  }

  func reportBatchSplit(
    _ regions: [Region],
    _ completion: @escaping @Sendable (Result<Void, PDClientError>) -> Void
  ) {
    completion(
      stub.result { state in
        state.reportedSplits.append(regions)
        return .success(())
      })
  }

  func storeHeartbeat(
    _ statistics: StoreHeartbeat,
    _ completion: @escaping @Sendable (Result<RecoveryPlan?, PDClientError>) -> Void
  ) {
    completion(
      stub.result { state in
        if let refusal = state.heartbeatRefusals[statistics.storeID] { return .failure(refusal) }
        state.storeHeartbeats[statistics.storeID] = statistics
        if let report = statistics.report { state.reports[statistics.storeID] = report }
        return .success(state.recoveryPlans[statistics.storeID])
      })
  }

  func regionHeartbeat(_ heartbeat: RegionHeartbeat) {
    let id = heartbeat.region.id
    let refusing = stub.state.withLock { state -> (@Sendable (RefusedHeartbeat) -> Void)? in
      guard state.isReachable else { return nil }
      state.reportCounts[id, default: 0] += 1
      return state.refusedRegions.contains(id)
        ? state.refusalReceivers[heartbeat.leader.storeID] : nil
    }
    if let refusing {
      return refusing(RefusedHeartbeat(regionID: id, peerID: heartbeat.leader.id))
    }
    stub.state.withLock { state in
      guard state.isReachable else { return }
      if let known = state.regions[heartbeat.region.id] {
        if known.term > heartbeat.term { return }
        if heartbeat.region.epoch.isStale(comparedTo: known.region.epoch) { return }
      }
      // What it has taken over is gone.
      state.regions = state.regions.filter { _, other in
        other.region.epoch.version >= heartbeat.region.epoch.version
          || !other.region.range.overlaps(heartbeat.region.range)
      }
      state.regions[heartbeat.region.id] = heartbeat
    }
  }

  func onOperator(_ receive: @escaping @Sendable (RegionOperator) -> Void) {
    let id = owner()
    stub.state.withLock { $0.receivers[id] = receive }
  }

  func onRefusal(_ receive: @escaping @Sendable (RefusedHeartbeat) -> Void) {
    let id = owner()
    stub.state.withLock { $0.refusalReceivers[id] = receive }
  }

  func reportMinResolvedTS(
    _ timestamp: UInt64, storeID: UInt64,
    _ completion: @escaping @Sendable (Result<Void, PDClientError>) -> Void
  ) {
    completion(
      stub.result { state in
        state.resolved[storeID] = timestamp
        return .success(())
      })
  }
}
