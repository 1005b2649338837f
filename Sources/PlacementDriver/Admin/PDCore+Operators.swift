package import Codec
import Engine
import Runtime

// Operators as administrators see and request them.
extension PDCore {
  // MARK: Views

  /// The running operators, oldest first.
  package func operatorSummaries(_ reading: ClockReading) -> [OperatorSummary] {
    operators.running.values.map { OperatorSummary($0, .running, endedAt: nil, reading) }
  }

  /// The last operators that ended, newest first.
  ///
  /// - Parameter since: milliseconds since 1970; operators that ended before are left out.
  package func operatorHistory(
    since: UInt64 = 0, _ reading: ClockReading
  ) -> [OperatorSummary] {
    operators.history.reversed()
      .map { OperatorSummary($0.operation, $0.status, endedAt: $0.at, reading) }
      .filter { ($0.endedAt ?? 0) >= since }
  }

  /// The operator that runs on a region or, if none does, the last one while PD remembers it.
  package func operatorSummary(
    regionID: UInt64, _ reading: ClockReading
  ) -> OperatorSummary? {
    if let running = operators[regionID] {
      return OperatorSummary(running, .running, endedAt: nil, reading)
    }
    return operators.ended(regionID).map {
      OperatorSummary($0.operation, $0.status, endedAt: $0.at, reading)
    }
  }

  // MARK: Requests

  /// Begins an operator, in place of one of lower priority. It is sent with the next tick.
  package func createOperator(
    _ request: OperatorRequest, _ reading: ClockReading
  ) throws(PDError) {
    try requireBootstrapped()
    guard let record = regions.record(id: request.regionID) else {
      throw PDError(.notFound, "region \(request.regionID) not found")
    }
    guard record.leader != nil else {
      throw PDError(.failedPrecondition, "region \(record.id) has no known leader")
    }
    guard !record.isJoint else {
      throw PDError(.failedPrecondition, "region \(record.id) is in a joint configuration")
    }
    if case .merge(let target) = request.change {
      return try requestMerge(record.id, into: target, reading.now)
    }
    let plan = try plan(request, record, reading.now)
    if let running = operators[record.id], running.priority >= plan.priority {
      throw PDError(
        .failedPrecondition, "region \(record.id) has an operator already: \(running.description)")
    }
    guard try create(plan, record, reading.now) != nil else {
      throw PDError(.failedPrecondition, "region \(record.id) is as requested already")
    }
  }

  private func plan(
    _ request: OperatorRequest, _ record: RegionRecord, _ now: Instant
  ) throws(PDError) -> SchedulingPlan {
    func plan(_ name: String, _ change: SchedulingPlan.Change) -> SchedulingPlan {
      SchedulingPlan("admin-" + name, "requested", .admin, .urgent, change)
    }
    switch request.change {
    case .transferLeader(let store):
      let peer = try peer(store, record)
      guard peer.role == .voter else {
        throw PDError(.failedPrecondition, "peer \(peer.id) on store \(store) is no voter")
      }
      guard let leader = record.leader, leader.storeID != store else {
        throw PDError(.failedPrecondition, "store \(store) leads region \(record.id) already")
      }
      return plan("transfer-leader", .transferLeader(from: leader.storeID, to: peer))
    case .transferRegion(let targets):
      guard !targets.isEmpty, Set(targets).count == targets.count else {
        throw PDError(.invalidArgument, "expected distinct stores")
      }
      guard targets.count <= config.limits.peers else {
        throw PDError(.invalidArgument, "\(targets.count) stores, more than \(config.limits.peers)")
      }
      for id in targets where record.region.peer(onStore: id) == nil { try requireTarget(id, now) }
      return plan("move-region", .relocate(stores: targets, leader: nil))
    case .transferPeer(let from, let to):
      let peer = try peer(from, record)
      guard record.region.peer(onStore: to) == nil else {
        throw PDError(.failedPrecondition, "region \(record.id) has a peer on store \(to) already")
      }
      try requireTarget(to, now)
      return plan("move-peer", .move(peer, store: to))
    case .addPeer(let store):
      guard record.region.peer(onStore: store) == nil else {
        throw PDError(
          .failedPrecondition, "region \(record.id) has a peer on store \(store) already")
      }
      try requireTarget(store, now)
      return plan("add-peer", .add(store: store))
    case .removePeer(let store):
      let peer = try peer(store, record)
      guard record.region.peers.contains(where: { $0.role == .voter && $0.id != peer.id }) else {
        throw PDError(
          .failedPrecondition, "peer \(peer.id) is the only voter of region \(record.id)")
      }
      return plan("remove-peer", .remove(peer))
    case .split(let keys):
      return plan("split-region", .split(keys: try splitKeys(keys, record)))
    case .merge(let target):
      guard let target = regions.record(id: target) else {
        throw PDError(.notFound, "region \(target) not found")
      }
      return plan("merge-region", .merge(into: target.region))
    }
  }

  /// The keys in order and without repetitions, all of them inside the region.
  private func splitKeys(
    _ keys: [[UInt8]], _ record: RegionRecord
  ) throws(PDError) -> [[UInt8]] {
    guard keys.count <= Int(Self.maxSplitCount) else {
      throw PDError(
        .invalidArgument, "\(keys.count) keys, more than \(Self.maxSplitCount)")
    }
    let range = record.region.range
    guard keys.allSatisfy({ range.contains($0) && $0 != range.start && !$0.isEmpty }) else {
      throw PDError(.invalidArgument, "a key is not inside region \(record.id)")
    }
    return Set(keys).sorted { $0.lexicographicallyPrecedes($1) }
  }

  private func peer(_ store: UInt64, _ record: RegionRecord) throws(PDError) -> PeerInfo {
    guard let peer = record.region.peer(onStore: store) else {
      throw PDError(.failedPrecondition, "region \(record.id) has no peer on store \(store)")
    }
    return peer
  }

  private func requireTarget(_ id: UInt64, _ now: Instant) throws(PDError) {
    guard let store = stores[id] else {
      throw PDError(.notFound, "invalid store ID \(id), not found")
    }
    guard store.isUsable(at: now, config) else {
      throw PDError(.failedPrecondition, "store \(id) is not up")
    }
  }

  /// Ends the running operator of a region. What its steps have changed stays.
  package func cancelOperator(regionID: UInt64, _ reading: ClockReading) throws(PDError) {
    guard operators[regionID] != nil else {
      throw PDError(.notFound, "operator not found")
    }
    operators.end(regionID, .cancel, at: reading.now)
  }
}

/// A change of one region that an administrator requests.
package struct OperatorRequest: Sendable, Hashable {
  /// What is to change. Stores are named by their ids.
  package enum Change: Sendable, Hashable {
    case transferLeader(store: UInt64)
    /// Voters on exactly these stores.
    case transferRegion(stores: [UInt64])
    case transferPeer(from: UInt64, to: UInt64)
    case addPeer(store: UInt64)
    case removePeer(store: UInt64)
    /// Into this region, a neighbor.
    case merge(region: UInt64)
    /// At these keys, in the form in which regions have them; without a key, in the middle of the data.
    case split(keys: [[UInt8]])
  }

  package var regionID: UInt64
  package var change: Change

  package init(regionID: UInt64, _ change: Change) {
    self.regionID = regionID
    self.change = change
  }
}

/// An operator that runs or has ended, for people.
package struct OperatorSummary: Sendable, Hashable {
  package var regionID: UInt64
  package var epoch: RegionEpoch
  package var name: String
  package var reason: String
  /// In PD's words, separated by commas.
  package var kind: String
  package var steps: [String]
  /// The position of the current step.
  package var current: Int
  package var status: OperatorStatus
  /// Name, reason and steps in one line.
  package var description: String
  /// Bytes of the region, estimated.
  package var size: UInt64
  package var age: Duration
  /// How long the current step may take.
  package var timeout: Duration
  /// Milliseconds since 1970.
  package var createdAt: UInt64
  /// Nil while it runs.
  package var endedAt: UInt64?

  init(
    _ operation: Operator, _ status: OperatorStatus, endedAt: Instant?, _ reading: ClockReading
  ) {
    /// The wall clock's reading then, had it not been set since.
    func wall(_ instant: Instant) -> UInt64 {
      let (seconds, attoseconds) = (reading.now - instant).components
      let passed = UInt64(clamping: seconds * 1000 + attoseconds / 1_000_000_000_000_000)
      return reading.wallMilliseconds > passed ? reading.wallMilliseconds - passed : 0
    }
    regionID = operation.regionID
    epoch = operation.epoch
    name = operation.name
    reason = operation.reason
    kind = operation.kindText
    steps = operation.steps.map(\.description)
    current = operation.current
    self.status = status
    description = operation.description
    size = operation.size
    age = (endedAt ?? reading.now) - operation.createdAt
    timeout = operation.timeouts[min(operation.current, operation.timeouts.count - 1)]
    createdAt = wall(operation.createdAt)
    self.endedAt = endedAt.map(wall)
  }
}
