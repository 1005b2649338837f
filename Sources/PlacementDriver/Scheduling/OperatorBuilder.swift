import Codec

/// Makes the steps of a change of members.
///
/// Voters that come and voters that go change places in one joint configuration: at no time does the region need a
/// majority of more voters than it is to have. A change of a single voter needs no joint configuration. Without joint
/// changes one member changes at a time, and a new voter is complete before an old one is removed. Either way the
/// number of voters that hold the data never falls below the smaller of the numbers before and after.
struct OperatorBuilder {
  let region: Region
  /// The peer that leads now.
  let leader: PeerInfo?
  /// Whether stores may be told to change several voters at once.
  let usesJointConsensus: Bool
  /// The better of two stores to lead comes first.
  let prefersLeader: (UInt64, UInt64) -> Bool

  /// What is to change, each list in the order of the region's peers or of the wanted stores.
  private struct Difference {
    var added: [UInt64]
    var removed: [PeerInfo]
    var promoted: [PeerInfo]

    var count: Int { added.count + removed.count + promoted.count }
  }

  /// The steps to voters on exactly `stores`, led from `wanted` if it is not nil; empty if nothing is to change.
  ///
  /// - Parameters:
  ///   - stores: distinct, not empty.
  ///   - newID: allocates the id of a new peer.
  func steps(
    to stores: [UInt64], leader wanted: UInt64?, newID: () throws(PDError) -> UInt64
  ) throws(PDError) -> [OperatorStep] {
    let difference = Difference(
      added: stores.filter { region.peer(onStore: $0) == nil },
      removed: region.peers.filter { !stores.contains($0.storeID) },
      promoted: region.peers.filter { $0.isLearner && stores.contains($0.storeID) })
    let votersLost = difference.removed.count { !$0.isLearner }
    // One of two voters: removed at once, it might be the one that the other needs for its last commits.
    let leavesOneOfTwo = difference.count == 1 && votersLost == 1 && stores.count == 1
    if usesJointConsensus, difference.count > 1 || leavesOneOfTwo {
      return try jointSteps(difference, stores, wanted, newID)
    }
    return try simpleSteps(difference, stores, wanted, newID)
  }

  // MARK: Joint

  private func jointSteps(
    _ difference: Difference, _ stores: [UInt64], _ wanted: UInt64?,
    _ newID: () throws(PDError) -> UInt64
  ) throws(PDError) -> [OperatorStep] {
    var steps: [OperatorStep] = []
    var promoted = difference.promoted
    for store in difference.added {
      let peer = PeerInfo(id: try newID(), storeID: store, role: .learner)
      steps.append(.addLearner(peer))
      promoted.append(peer)
    }
    let change = JointChange(
      promoted: promoted, demoted: difference.removed.filter { !$0.isLearner })
    let transfer = transfer(stores, wanted, promoted)
    let isToVoter = transfer.map { target in
      region.peers.contains { $0.storeID == target.to.storeID && $0.role == .voter }
    }
    if let transfer, isToVoter == true {
      steps.append(.transferLeader(from: transfer.from, to: transfer.to))
    }
    if change.count > 0 { steps.append(.enterJoint(change)) }
    let staysVoter = leader.map { stores.contains($0.storeID) } ?? true
    // The new leader is no voter before the joint configuration, the old one none after it.
    if let transfer, isToVoter == false, !staysVoter {
      steps.append(.transferLeader(from: transfer.from, to: transfer.to))
    }
    if change.isJoint { steps.append(.leaveJoint(change)) }
    if let transfer, isToVoter == false, staysVoter {
      steps.append(.transferLeader(from: transfer.from, to: transfer.to))
    }
    for peer in difference.removed {
      var peer = peer
      peer.role = .learner
      steps.append(.removePeer(peer))
    }
    return steps
  }

  /// The transfer of leadership that the change needs; nil if the leader may stay.
  private func transfer(
    _ stores: [UInt64], _ wanted: UInt64?, _ promoted: [PeerInfo]
  ) -> (from: UInt64, to: PeerInfo)? {
    guard let leader else { return nil }
    var voters = region.peers.filter { $0.role == .voter && stores.contains($0.storeID) }
    let isExpected = wanted.map { $0 == leader.storeID } ?? stores.contains(leader.storeID)
    if isExpected { return nil }
    if let wanted {
      voters += promoted.map { PeerInfo(id: $0.id, storeID: $0.storeID) }
      return voters.first { $0.storeID == wanted }.map { (leader.storeID, $0) }
    }
    // Rather a voter that has led or followed for long than one that was just promoted.
    if voters.isEmpty { voters = promoted.map { PeerInfo(id: $0.id, storeID: $0.storeID) } }
    return voters.min { prefersLeader($0.storeID, $1.storeID) }.map { (leader.storeID, $0) }
  }

  // MARK: One at a time

  private func simpleSteps(
    _ difference: Difference, _ stores: [UInt64], _ wanted: UInt64?,
    _ newID: () throws(PDError) -> UInt64
  ) throws(PDError) -> [OperatorStep] {
    var steps: [OperatorStep] = []
    // Voters that stay, those that are there already first: the leader is chosen among them.
    var staying = region.peers.filter { $0.role == .voter && stores.contains($0.storeID) }
    var leading = leader
    for peer in difference.promoted {
      steps.append(.promoteLearner(peer))
      staying.append(PeerInfo(id: peer.id, storeID: peer.storeID))
    }
    transfer(to: wanted, staying, &leading, &steps)
    let added = difference.added
    // The leader goes last: the others may be removed without a transfer.
    let removed = difference.removed
      .sorted { ($0.id == leader?.id ? 1 : 0, $0.id) < ($1.id == leader?.id ? 1 : 0, $1.id) }
    for index in 0..<max(added.count, removed.count) {
      if index < added.count {
        let peer = PeerInfo(id: try newID(), storeID: added[index], role: .learner)
        steps += [.addLearner(peer), .promoteLearner(peer)]
        staying.append(PeerInfo(id: peer.id, storeID: peer.storeID))
        transfer(to: wanted, staying, &leading, &steps)
      }
      // All that must be added is added before the last removals.
      if index < removed.count {
        if removed[index].id == leading?.id {
          let next = staying.min { prefersLeader($0.storeID, $1.storeID) }
          transfer(to: next?.storeID, staying, &leading, &steps)
        }
        steps.append(.removePeer(removed[index]))
      }
    }
    return steps
  }

  private func transfer(
    to store: UInt64?, _ voters: [PeerInfo], _ leading: inout PeerInfo?,
    _ steps: inout [OperatorStep]
  ) {
    guard let store, let from = leading?.storeID, from != store,
      let target = voters.first(where: { $0.storeID == store })
    else { return }
    steps.append(.transferLeader(from: from, to: target))
    leading = target
  }
}
