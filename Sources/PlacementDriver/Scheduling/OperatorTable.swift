import Collections
import Runtime

/// The operators under way, one a region at most, in the order they began; and how the last ones
/// ended.
struct OperatorTable {
  /// How long an ended operator is remembered.
  static let memory: Duration = .seconds(600)
  /// How long balancing leaves a region alone after an operator on it failed.
  static let coolDown: Duration = .seconds(60)
  /// Ended operators that are listed; older ones are dropped.
  static let historyCapacity = 1000

  private(set) var running: OrderedDictionary<UInt64, Operator> = [:]
  /// The last operator of each region, in the order of their ends.
  private var finished: OrderedDictionary<UInt64, FinishedOperator> = [:]
  /// The last operators of all regions, oldest first; `historyCapacity` at most.
  private(set) var history: Deque<FinishedOperator> = []
  /// Operators by name and event since the start, for metrics.
  private(set) var events: [Event: UInt64] = [:]
  /// What the running operators will change. Equals the sum over `running`.
  private var shifts: [UInt64: Shift] = [:]
  private var counts: [Operator.Kind: Int] = [:]

  struct Event: Hashable, Sendable {
    var name: String
    var status: OperatorStatus
  }

  /// The change of one store's load by running operators.
  private struct Shift {
    var peers = 0
    var leaders = 0
    /// Bytes, regions of less than one MiB counted as one.
    var bytes: Int64 = 0
  }

  subscript(regionID: UInt64) -> Operator? { running[regionID] }

  func ended(_ regionID: UInt64) -> FinishedOperator? { finished[regionID] }

  func count(_ kind: Operator.Kind) -> Int { counts[kind] ?? 0 }

  /// Whether balancing may pick the region.
  func isFree(_ regionID: UInt64, at now: Instant) -> Bool {
    guard running[regionID] == nil else { return false }
    guard let last = finished[regionID], last.status != .success else { return true }
    return now - last.at > Self.coolDown
  }

  mutating func add(_ operation: Operator) {
    precondition(running[operation.regionID] == nil, "a region has two operators")
    running[operation.regionID] = operation
    account(operation, adding: true)
    count(operation.name, .running)
  }

  /// Puts back what was taken out to be changed.
  mutating func update(_ operation: Operator) {
    precondition(running[operation.regionID] != nil, "the operator has ended")
    running[operation.regionID] = operation
  }

  mutating func end(_ regionID: UInt64, _ status: OperatorStatus, at now: Instant) {
    guard let operation = running.removeValue(forKey: regionID) else { return }
    account(operation, adding: false)
    let ended = FinishedOperator(operation: operation, status: status, at: now)
    // Put in again, so that the order stays that of ending.
    finished.removeValue(forKey: regionID)
    finished[regionID] = ended
    if history.count == Self.historyCapacity { history.removeFirst() }
    history.append(ended)
    count(operation.name, status)
    // Neither half of a merge goes on without the other.
    if let partner = operation.partner, running[partner]?.partner == regionID {
      end(partner, status == .success ? .success : .cancel, at: now)
    }
  }

  /// Drops the last operators of regions that ended long ago.
  mutating func prune(at now: Instant) {
    while let (regionID, oldest) = finished.elements.first, now - oldest.at > Self.memory {
      finished.removeValue(forKey: regionID)
    }
  }

  // MARK: Effects on stores

  /// How many peers a store will have more than its regions show, once everything is done.
  func peerShift(ofStore id: UInt64) -> Int { shifts[id]?.peers ?? 0 }

  /// The same of leaders.
  func leaderShift(ofStore id: UInt64) -> Int { shifts[id]?.leaders ?? 0 }

  /// The same of bytes.
  func byteShift(ofStore id: UInt64) -> Int64 { shifts[id]?.bytes ?? 0 }

  private mutating func account(_ operation: Operator, adding: Bool) {
    let sign = adding ? 1 : -1
    let bytes = Int64(clamping: StoreLoad.balanced(operation.size)) * Int64(sign)
    counts[operation.kind, default: 0] += sign
    for id in operation.incomingStores {
      shifts[id, default: Shift()].peers += sign
      shifts[id, default: Shift()].bytes &+= bytes
    }
    for id in operation.outgoingStores {
      shifts[id, default: Shift()].peers -= sign
      shifts[id, default: Shift()].bytes &-= bytes
    }
    if let move = operation.leaderMove {
      shifts[move.to, default: Shift()].leaders += sign
      shifts[move.from, default: Shift()].leaders -= sign
    }
  }

  private mutating func count(_ name: String, _ status: OperatorStatus) {
    events[Event(name: name, status: status), default: 0] += 1
  }
}

/// An operator that ended, kept for queries.
struct FinishedOperator: Sendable {
  var operation: Operator
  var status: OperatorStatus
  var at: Instant
}
