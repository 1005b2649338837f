import Codec
import Runtime

/// Which peers of the region are heard of, and what they say of themselves.
struct PeerActivity {
  /// When each member was last heard of; kept by a leader.
  private var lastContact: [UInt64: Instant] = [:]
  /// Peers that wrote to this one, by id, also such as are not members by its knowledge.
  private var senders: [UInt64: PeerInfo] = [:]
  /// The newest epoch of those that wrote to a peer that has not learnt its region.
  private(set) var remoteEpoch = RegionEpoch()

  /// Peers that are not members by our knowledge are few: newcomers, and those that were removed.
  private static let maxSenders = 64

  /// When replication to members that had lost their logs was restarted; kept by a leader.
  private var restarts: [UInt64: Instant] = [:]

  /// Members that have said that they are damaged.
  private var damaged: Set<UInt64> = []

  private static let restartInterval = Duration.seconds(5)

  /// When this leader was woken last: hibernated, it hears of no one.
  private var awakeSince: Instant?

  // MARK: Where peers are

  /// Remembers where a peer is that a response may have to be sent to.
  mutating func recordSender(_ sender: PeerInfo, _ region: Region) {
    if senders[sender.id] == nil, senders.count >= Self.maxSenders {
      senders = senders.filter { region.peer(id: $0.key) != nil }
    }
    senders[sender.id] = sender
  }

  func sender(id: UInt64) -> PeerInfo? { senders[id] }

  mutating func recordRemoteEpoch(_ epoch: RegionEpoch) {
    if remoteEpoch.confVersion < epoch.confVersion { remoteEpoch = epoch }
  }

  // MARK: When members were heard of

  /// A new leader counts from now on.
  mutating func beginLeading(_ region: Region, _ now: Instant) {
    lastContact = [:]
    awakeSince = nil
    membershipChanged(region, now)
  }

  /// Members that are new count from now on; those that are gone are dropped.
  mutating func membershipChanged(_ region: Region, _ now: Instant) {
    for peer in region.peers where lastContact[peer.id] == nil { lastContact[peer.id] = now }
    for id in lastContact.keys.sorted() where region.peer(id: id) == nil { lastContact[id] = nil }
    damaged = damaged.filter { region.peer(id: $0) != nil }
  }

  var hasDamage: Bool { !damaged.isEmpty }

  func isDamaged(_ id: UInt64) -> Bool { damaged.contains(id) }

  /// A member is damaged, and stays so until it is removed. Returns whether that is new.
  mutating func noteDamage(of id: UInt64) -> Bool { damaged.insert(id).inserted }

  mutating func recordContact(_ id: UInt64, _ now: Instant) { lastContact[id] = now }

  /// Returns whether replication to a member may be restarted now: at most once in five seconds.
  mutating func beginRestart(of id: UInt64, _ region: Region, _ now: Instant) -> Bool {
    if let last = restarts[id], now - last < Self.restartInterval { return false }
    restarts = restarts.filter { region.peer(id: $0.key) != nil }
    restarts[id] = now
    return true
  }

  /// A hibernated leader was woken.
  mutating func resume(_ now: Instant) { awakeSince = now }

  /// For how long the peer has not been heard of while this leader was awake; nil when it is not a member or this
  /// peer did not lead.
  func silence(of id: UInt64, at now: Instant) -> Duration? {
    lastContact[id].map { now - max($0, awakeSince ?? $0) }
  }

  /// As `silence`, but the time in which this leader was hibernated counts.
  func totalSilence(of id: UInt64, at now: Instant) -> Duration? {
    lastContact[id].map { now - $0 }
  }
}
