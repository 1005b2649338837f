import Collections
import Runtime

/// The operators under way, one a region at most, in the order they began; and how the last ones
/// ended.
struct OperatorTable {
  /// How long an ended operator is remembered.
  static let memory: Duration = .seconds(600)
  /// How long balancing leaves a region alone after an operator on it failed.
  static let coolDown: Duration = .seconds(60)

  private(set) var running: OrderedDictionary<UInt64, Operator> = [:]
  private var finished: OrderedDictionary<UInt64, FinishedOperator> = [:]
  /// Operators by kind and event since the start, for metrics.
  private(set) var events: [Event: UInt64] = [:]

  struct Event: Hashable, Sendable {
    var kind: Operator.Kind
    var status: OperatorStatus
  }

  subscript(regionID: UInt64) -> Operator? { running[regionID] }

  func ended(_ regionID: UInt64) -> FinishedOperator? { finished[regionID] }

  func count(_ kind: Operator.Kind) -> Int {
    running.values.reduce(0) { $0 + ($1.kind == kind ? 1 : 0) }
  }

  /// Whether balancing may pick the region.
  func isFree(_ regionID: UInt64, at now: Instant) -> Bool {
    guard running[regionID] == nil else { return false }
    guard let last = finished[regionID], last.status != .success else { return true }
    return now - last.at > Self.coolDown
  }

  mutating func add(_ operation: Operator) {
    precondition(running[operation.regionID] == nil, "a region has two operators")
    running[operation.regionID] = operation
    count(operation.kind, .running)
  }

  /// Puts back what was taken out to be changed.
  mutating func update(_ operation: Operator) {
    precondition(running[operation.regionID] != nil, "the operator has ended")
    running[operation.regionID] = operation
  }

  mutating func end(_ regionID: UInt64, _ status: OperatorStatus, at now: Instant) {
    guard let operation = running.removeValue(forKey: regionID) else { return }
    // Put in again, so that the order stays that of ending.
    finished.removeValue(forKey: regionID)
    finished[regionID] = FinishedOperator(
      kind: operation.kind, description: operation.description, status: status, at: now)
    count(operation.kind, status)
  }

  /// Forgets what ended long ago.
  mutating func prune(at now: Instant) {
    while let (regionID, oldest) = finished.elements.first, now - oldest.at > Self.memory {
      finished.removeValue(forKey: regionID)
    }
  }

  /// How many peers a store will have more than its regions show, once everything is done.
  func peerShift(ofStore id: UInt64) -> Int {
    running.values.reduce(0) {
      $0 + ($1.incomingStore == id ? 1 : 0) - ($1.outgoingStore == id ? 1 : 0)
    }
  }

  /// The same of leaders.
  func leaderShift(ofStore id: UInt64) -> Int {
    running.values.reduce(0) {
      guard let move = $1.leaderMove else { return $0 }
      return $0 + (move.to == id ? 1 : 0) - (move.from == id ? 1 : 0)
    }
  }

  private mutating func count(_ kind: Operator.Kind, _ status: OperatorStatus) {
    events[Event(kind: kind, status: status), default: 0] += 1
  }
}
