import Codec
import Runtime

/// Who uses which snapshot files, and how many bytes they take: a plain value inside the manager's
/// lock.
///
/// A file set is either used by any number of users, each counted, or claimed by one who may change
/// or remove the files, never both.
struct SnapshotRegistry {
  private struct Use {
    var counts = [Int](repeating: 0, count: SnapshotActivity.allCases.count)
    var isClaimed = false
    /// No one wants it any more: whoever sends it is to stop.
    var isCancelled = false

    var isIdle: Bool { !isClaimed && counts.allSatisfy { $0 == 0 } }
  }

  private struct Delivery {
    /// What the files' keys were checked against.
    var range: KeyRange
    var end: Instant
  }

  private var uses: [SnapshotFileSet: Use] = [:]
  private var sizes: [SnapshotFileSet: UInt64] = [:]
  private var totals = [Int](repeating: 0, count: SnapshotActivity.allCases.count)
  /// Received snapshots, complete, whose message may not have reached its peer yet, and until when they
  /// are kept for it.
  private var deliveries: [SnapshotKey: Delivery] = [:]
  /// Received snapshots and the ids of the peers that have taken them and are going to apply them: complete, and
  /// not to be removed or received again, although no one works on their files at the moment. No set is empty.
  private var pins: [SnapshotKey: Set<UInt64>] = [:]
  /// Regions whose leader was promised that it may send a snapshot, and until when.
  private var reservations: [UInt64: Instant] = [:]
  private(set) var totalSize: UInt64 = 0

  func count(_ activity: SnapshotActivity) -> Int { totals[activity.rawValue] }

  /// Adds a user; false when the files are claimed.
  mutating func enter(_ set: SnapshotFileSet, _ activity: SnapshotActivity) -> Bool {
    var use = uses[set] ?? Use()
    if use.isClaimed { return false }
    use.counts[activity.rawValue] += 1
    totals[activity.rawValue] += 1
    uses[set] = use
    return true
  }

  /// Takes a user off.
  mutating func leave(_ set: SnapshotFileSet, _ activity: SnapshotActivity) {
    guard var use = uses[set], use.counts[activity.rawValue] > 0 else {
      preconditionFailure("snapshot \(set.key) is not registered as \(activity)")
    }
    use.counts[activity.rawValue] -= 1
    totals[activity.rawValue] -= 1
    uses[set] = use.isIdle ? nil : use
  }

  /// Takes the files for oneself, to change or remove them; false when anyone uses them.
  mutating func claim(_ set: SnapshotFileSet) -> Bool {
    if isInUse(set) { return false }
    uses[set] = Use(isClaimed: true)
    return true
  }

  /// As `claim`, counted as an activity while it lasts.
  mutating func claim(_ set: SnapshotFileSet, for activity: SnapshotActivity) -> Bool {
    guard claim(set) else { return false }
    totals[activity.rawValue] += 1
    return true
  }

  mutating func release(_ set: SnapshotFileSet, from activity: SnapshotActivity? = nil) {
    precondition(uses[set]?.isClaimed == true, "snapshot \(set.key) is not claimed")
    uses[set] = nil
    if let activity { totals[activity.rawValue] -= 1 }
  }

  /// Whether anyone uses or has claimed the files, or a peer is going to apply them.
  func isInUse(_ set: SnapshotFileSet) -> Bool { uses[set] != nil || isPinned(set) }

  /// Whether anyone is registered with this activity; whoever has claimed the files is not.
  func isInUse(_ set: SnapshotFileSet, by activity: SnapshotActivity) -> Bool {
    (uses[set]?.counts[activity.rawValue] ?? 0) > 0
  }

  // MARK: Pins

  mutating func pin(_ key: SnapshotKey, for peerID: UInt64) {
    pins[key, default: []].insert(peerID)
  }

  /// Pins what was received, for that range, by this process and is neither removed nor claimed
  /// since.
  mutating func pinReceived(_ key: SnapshotKey, _ range: KeyRange, for peerID: UInt64) -> Bool {
    let set = SnapshotFileSet(key: key, origin: .received)
    guard deliveries[key]?.range == range, uses[set]?.isClaimed != true else { return false }
    pin(key, for: peerID)
    return true
  }

  mutating func unpin(_ key: SnapshotKey, for peerID: UInt64) {
    guard var peers = pins[key] else { return }
    peers.remove(peerID)
    pins[key] = peers.isEmpty ? nil : peers
  }

  func isPinned(_ set: SnapshotFileSet) -> Bool {
    set.origin == .received && pins[set.key] != nil
  }

  // MARK: Cancellation

  /// Whoever sends a snapshot of the region is to stop.
  mutating func cancelSending(_ regionID: UInt64) {
    for set in uses.keys where set.origin == .generated && set.key.regionID == regionID {
      uses[set]?.isCancelled = true
    }
  }

  func isCancelled(_ set: SnapshotFileSet) -> Bool { uses[set]?.isCancelled ?? false }

  // MARK: Reservations

  /// Promises the region's leader that its snapshot will be received; false when as many are promised, received
  /// or waiting to be applied as may be.
  mutating func reserve(_ regionID: UInt64, limit: Int, now: Instant, until end: Instant) -> Bool {
    for (region, expiry) in reservations where expiry <= now { reservations[region] = nil }
    guard reservations[regionID] == nil else { return true }
    guard reservations.count + count(.receiving) + pins.count < limit else { return false }
    reservations[regionID] = end
    return true
  }

  mutating func endReservation(_ regionID: UInt64) { reservations[regionID] = nil }

  // MARK: Sizes

  /// Notes how many bytes the files take; 0 when they are gone.
  mutating func setSize(_ set: SnapshotFileSet, _ size: UInt64) {
    totalSize -= sizes[set] ?? 0
    totalSize += size
    sizes[set] = size == 0 ? nil : size
  }

  /// The file sets whose bytes are counted.
  var counted: [SnapshotFileSet] { sizes.keys.sorted() }

  // MARK: Deliveries

  mutating func deliver(_ key: SnapshotKey, _ range: KeyRange, until end: Instant) {
    deliveries[key] = Delivery(range: range, end: end)
  }

  mutating func endDelivery(_ key: SnapshotKey) { deliveries[key] = nil }

  /// Whether the snapshot's message may still be on its way.
  mutating func isBeingDelivered(_ set: SnapshotFileSet, now: Instant) -> Bool {
    guard set.origin == .received, let end = deliveries[set.key]?.end else { return false }
    if now < end { return true }
    deliveries[set.key] = nil
    return false
  }
}
