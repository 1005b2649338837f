import Codec
import PlacementDriver
import Testing

/// Stores that carry out what PD sends, as far as their quorum lets them.
final class SimulatedStores {
  struct Replica {
    var region: Region
    var leader: UInt64
    /// Peers made by a command that have not caught up.
    var pending: Set<UInt64> = []
    /// Stores whose peer does not respond though the store lives, and since when.
    var silent: [UInt64: Double] = [:]
    var size: UInt64 = 0
    /// What clients write and read in a second.
    var written = RegionFlow()
    var read = RegionFlow()
    /// When its leader reported last.
    var reportedAt: Double = 0
  }

  let fixture: PDFixture
  var alive: [UInt64] = []
  var regions: [Replica] = []
  /// What leaders were told, in order.
  var told: [String] = []
  /// Whether merges come to an end.
  var merges = true
  /// Whether new peers get their data.
  var catchUp = true
  /// Stores on which they never do.
  var stuck: Set<UInt64> = []

  init(_ fixture: PDFixture, stores: [UInt64]) throws {
    self.fixture = fixture
    let first = Region(id: 2, epoch: .initial, peers: [PeerInfo(id: 3, storeID: stores[0])])
    try fixture.bootstrap(first, store: stores[0])
    regions = [Replica(region: first, leader: stores[0])]
    for id in stores { try start(id) }
  }

  func start(_ id: UInt64, address: String? = nil) throws {
    #expect(try fixture.put(id, address: address) == nil)
    alive.append(id)
    alive.sort()
  }

  func kill(_ id: UInt64) {
    alive.removeAll { $0 == id }
  }

  /// The region's peer on a store stops responding.
  func silence(_ store: UInt64, of index: Int) {
    regions[index].silent[store] = fixture.seconds
  }

  /// `count` rounds of ten seconds: everyone alive reports, everyone told obeys.
  func run(_ count: Int) throws {
    for _ in 0..<count {
      fixture.pass(10)
      for id in alive { try fixture.beat(id) }
      // Merges remove regions from the list.
      for id in regions.map(\.region.id) {
        guard let index = regions.firstIndex(where: { $0.region.id == id }) else { continue }
        elect(index)
        guard alive.contains(regions[index].leader) else { continue }
        try obey(report(index).step)
        guard let index = regions.firstIndex(where: { $0.region.id == id }) else { continue }
        if catchUp { regions[index].pending.formIntersection(stuck) }
        // A leader tells at once when its region changed.
        try obey(report(index).step)
      }
      for step in try fixture.core.tick(fixture.reading) { try obey(step) }
    }
  }

  private func report(_ index: Int) throws -> PDFixture.Response {
    let replica = regions[index]
    var down: [DownPeer] = []
    for peer in replica.region.peers {
      if !alive.contains(peer.storeID) {
        down.append(DownPeer(peer: peer, seconds: 0))
      } else if let since = replica.silent[peer.storeID], fixture.seconds - since >= 600 {
        down.append(DownPeer(peer: peer, seconds: UInt64(fixture.seconds - since)))
      }
    }
    let passed = UInt64(fixture.seconds - replica.reportedAt)
    regions[index].reportedAt = fixture.seconds
    let response = try fixture.beat(
      RegionHeartbeat(
        region: replica.region,
        leader: replica.region.peer(onStore: replica.leader) ?? PeerInfo(id: 0), term: 0,
        pendingPeers: replica.pending.sorted().compactMap { replica.region.peer(onStore: $0) },
        downPeers: down, approximateSize: replica.size,
        bytesWritten: replica.written.bytes * passed, keysWritten: replica.written.keys * passed,
        bytesRead: replica.read.bytes * passed, keysRead: replica.read.keys * passed))
    #expect(response.refusal == nil)
    return response
  }

  private func elect(_ index: Int) {
    guard !alive.contains(regions[index].leader), hasQuorum(regions[index].region) else { return }
    let next = regions[index].region.peers.first {
      $0.role == .voter && alive.contains($0.storeID)
    }
    if let next { regions[index].leader = next.storeID }
  }

  private func hasQuorum(_ region: Region) -> Bool {
    let voters = region.peers.filter { !$0.isLearner }
    return voters.filter { alive.contains($0.storeID) }.count > voters.count / 2
  }

  private func obey(_ step: RegionOperator?) throws {
    guard let step else { return }
    guard let index = regions.firstIndex(where: { $0.region.id == step.regionID }) else { return }
    guard step.leader.storeID == regions[index].leader,
      step.epoch == regions[index].region.epoch, hasQuorum(regions[index].region)
    else { return }
    switch step.step {
    case .transferLeader(let peer, _): transfer(index, peer.storeID)
    case .changePeer(let change): try self.change(index, change)
    case .changePeerV2(let changes):
      if changes.isEmpty { try leaveJoint(index) } else { try enterJoint(index, changes) }
    case .merge(let target): try merge(index, target)
    case .splitRegion(let keys): try split(index, keys)
    }
  }

  private func transfer(_ index: Int, _ store: UInt64) {
    told.append("transfer to \(store)")
    if alive.contains(store) { regions[index].leader = store }
  }

  private func change(_ index: Int, _ change: AdminCommand.PeerChange) throws {
    let peer = change.peer
    var region = regions[index].region
    switch change.type {
    case .addLearnerNode:
      try #require(region.peer(onStore: peer.storeID) == nil)
      told.append("learner on \(peer.storeID)")
      region.peers.append(peer)
      regions[index].pending.insert(peer.storeID)
    case .addNode:
      let place = try #require(region.peers.firstIndex { $0.id == peer.id })
      try #require(region.peers[place].isLearner)
      told.append("voter on \(peer.storeID)")
      region.peers[place].role = .voter
    case .removeNode:
      try #require(regions[index].leader != peer.storeID, "a leader was told to remove itself")
      told.append("remove from \(peer.storeID)")
      region.peers.removeAll { $0.id == peer.id }
      regions[index].silent[peer.storeID] = nil
      regions[index].pending.remove(peer.storeID)
    }
    region.epoch.confVersion += 1
    regions[index].region = region
  }

  /// Prepared, committed, and reported by the target alone.
  private func merge(_ index: Int, _ target: Region) throws {
    guard let other = regions.firstIndex(where: { $0.region.id == target.id }),
      regions[other].region.epoch == target.epoch
    else { return }
    let source = regions[index]
    try #require(Set(source.region.peers.map(\.storeID)) == Set(target.peers.map(\.storeID)))
    told.append("merge \(source.region.id) into \(target.id)")
    guard merges else { return }
    var merged = regions[other].region
    if source.region.endKey == target.startKey, !target.startKey.isEmpty {
      merged.startKey = source.region.startKey
    } else {
      merged.endKey = source.region.endKey
    }
    merged.epoch.version = max(source.region.epoch.version + 1, target.epoch.version) + 1
    regions[other].region = merged
    regions[other].size += source.size
    regions.remove(at: index)
  }

  /// At each key; the right-most part keeps the id.
  private func split(_ index: Int, _ keys: [[UInt8]]) throws {
    let whole = regions[index]
    told.append("split \(whole.region.id) at \(keys.count)")
    let ids = try fixture.core.askBatchSplit(
      whole.region, count: UInt32(keys.count), fixture.reading)
    let version = whole.region.epoch.version + UInt64(keys.count)
    var start = whole.region.startKey
    for (key, new) in zip(keys, ids) {
      var part = whole
      part.region.id = new.regionID
      part.region.startKey = start
      part.region.endKey = key
      part.region.epoch.version = version
      for (place, id) in new.peerIDs.enumerated() { part.region.peers[place].id = id }
      regions.append(part)
      start = key
    }
    regions[index].region.startKey = start
    regions[index].region.epoch.version = version
  }

  /// As a store does: one change is a simple one.
  private func enterJoint(_ index: Int, _ changes: [AdminCommand.PeerChange]) throws {
    var region = regions[index].region
    try #require(!region.isJoint)
    let isJoint = changes.count > 1
    for change in changes {
      let place = try #require(region.peers.firstIndex { $0.id == change.peer.id })
      switch change.type {
      case .addNode:
        try #require(region.peers[place].isLearner)
        told.append("voter on \(change.peer.storeID)")
        region.peers[place].role = isJoint ? .incomingVoter : .voter
      case .addLearnerNode:
        try #require(region.peers[place].role == .voter)
        try #require(isJoint || regions[index].leader != change.peer.storeID)
        told.append("demote on \(change.peer.storeID)")
        region.peers[place].role = isJoint ? .demotingVoter : .learner
      case .removeNode:
        Issue.record("a voter is removed in a joint change")
      }
    }
    region.epoch.confVersion += UInt64(changes.count)
    regions[index].region = region
  }

  private func leaveJoint(_ index: Int) throws {
    var region = regions[index].region
    try #require(region.isJoint)
    let leader = try #require(region.peer(onStore: regions[index].leader))
    try #require(leader.role != .demotingVoter, "a leader that is demoted was told to leave")
    told.append("leave joint state")
    for place in region.peers.indices {
      switch region.peers[place].role {
      case .incomingVoter: region.peers[place].role = .voter
      case .demotingVoter: region.peers[place].role = .learner
      case .voter, .learner: continue
      }
      region.epoch.confVersion += 1
    }
    regions[index].region = region
  }

  /// Stores with a voter of the region.
  func voters(_ index: Int = 0) -> [UInt64] {
    regions[index].region.peers.filter { $0.role == .voter }.map(\.storeID).sorted()
  }

  func stores(_ index: Int = 0) -> [UInt64] {
    regions[index].region.peers.map(\.storeID).sorted()
  }
}
