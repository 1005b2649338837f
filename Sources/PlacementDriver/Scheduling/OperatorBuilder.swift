import Codec

/// Makes the steps of a change of members.
///
/// One member changes at a time, and a new voter is complete before an old one is removed: the number of voters that
/// hold the data never falls below the smaller of the numbers before and after.
struct OperatorBuilder {
  let region: Region
  /// The peer that leads now.
  let leader: PeerInfo?

  /// The steps to voters on exactly `stores`, led from `wanted` if it is not nil; empty if nothing is to change.
  ///
  /// - Parameters:
  ///   - stores: distinct, not empty.
  ///   - newID: allocates the id of a new peer.
  func steps(
    to stores: [UInt64], leader wanted: UInt64?, newID: () throws(PDError) -> UInt64
  ) throws(PDError) -> [OperatorStep] {
    var steps: [OperatorStep] = []
    // Voters that stay, those that are there already first: the leader is chosen among them.
    var staying = region.peers.filter { $0.role == .voter && stores.contains($0.storeID) }
    var leading = leader
    for peer in region.peers where peer.isLearner && stores.contains(peer.storeID) {
      steps.append(.promoteLearner(peer))
      staying.append(PeerInfo(id: peer.id, storeID: peer.storeID))
    }
    transfer(to: wanted, staying, &leading, &steps)
    let added = stores.filter { region.peer(onStore: $0) == nil }
    // The leader goes last: the others may be removed without a transfer.
    let removed = region.peers.filter { !stores.contains($0.storeID) }
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
          transfer(to: staying.first?.storeID, staying, &leading, &steps)
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
