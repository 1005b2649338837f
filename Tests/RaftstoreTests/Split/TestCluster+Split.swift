import Codec
import Engine
import Raftstore
import Runtime

// Splits, and clients that follow keys to their regions.
extension TestCluster {
  /// A split of `region` with new ids.
  func makeSplit(
    _ keys: [String], of region: Region, rightDerive: Bool = true
  ) -> AdminCommand.BatchSplit {
    AdminCommand.BatchSplit(
      splits: keys.map { key in
        AdminCommand.Split(
          key: Array(key.utf8), newRegionID: pd.nextID,
          newPeerIDs: region.peers.map { _ in pd.nextID })
      }, rightDerive: rightDerive)
  }

  /// Sends an admin command without waiting for its end.
  func start(
    _ command: AdminCommand, of region: Region, on node: TestNode
  ) -> Shared<Result<[Region], RegionError>?> {
    let answer = Shared<Result<[Region], RegionError>?>()
    node.store?.router.proposeAdmin(
      AdminRequest(
        regionID: region.id, epoch: region.epoch, command: command,
        completion: Completion(abandoned: .failure(.staleCommand)) { result in
          answer.withLock { $0 = result }
        }))
    return answer
  }

  /// Splits the region that holds the first key and waits for the outcome.
  func split(
    _ keys: [String], rightDerive: Bool = true, epoch: RegionEpoch? = nil
  ) -> Result<[Region], RegionError>? {
    guard let (node, found) = leader(forKey: keys[0]) else { return nil }
    var region = found
    let split = makeSplit(keys, of: region, rightDerive: rightDerive)
    if let epoch { region.epoch = epoch }
    let answer = start(.batchSplit(split), of: region, on: node)
    _ = waitFor(.seconds(5)) { answer.withLock { $0 != nil } }
    return answer.withLock { $0 }
  }

  /// The leader of the region that holds `key` by its own knowledge, and the region.
  func leader(forKey key: String) -> (TestNode, Region)? {
    let key = Array(key.utf8)
    var best: (node: TestNode, status: RegionStatus)?
    for node in running {
      guard let id = node.store?.meta.region(containing: key)?.id,
        let status = node.status(id), status.role == .leader
      else { continue }
      if best.map({ $0.status.region.epoch.version < status.region.epoch.version }) ?? true {
        best = (node, status)
      }
    }
    return best.map { ($0.node, $0.status.region) }
  }

  func context(_ node: TestNode, of regionID: UInt64) -> RequestContext {
    let status = node.status(regionID)
    return RequestContext(
      regionID: regionID, epoch: status?.region.epoch ?? RegionEpoch(),
      peer: status?.peer ?? PeerInfo())
  }

  /// Puts a key into whichever region holds it.
  func putRouted(_ key: String, _ value: String) -> Bool {
    let mutation = Mutation.put(cf: .default, key: Array(key.utf8), value: Array(value.utf8))
    for _ in 0..<50 {
      if let (node, region) = leader(forKey: key),
        case .success = write([mutation], to: node, context(node, of: region.id))
      {
        return true
      }
      run(.milliseconds(100))
    }
    return false
  }

  /// The value of a key by whoever leads the region that holds it; nil also when nobody serves it.
  func getRouted(_ key: String) -> String? {
    for _ in 0..<50 {
      if let (node, region) = leader(forKey: key),
        case .success(let value) = read(key, from: node, context(node, of: region.id))
      {
        return value
      }
      run(.milliseconds(100))
    }
    return nil
  }

  /// Whether a running store holds each of these regions, in this form.
  func allStores(hold regions: [Region]) -> Bool {
    running.allSatisfy { node in
      regions.allSatisfy { region in
        region.peer(onStore: node.id) == nil
          || node.store?.meta.held(region.id)?.region == region && node.status(region.id) != nil
      }
    }
  }
}

extension Region {
  /// Start and end as text.
  var bounds: [String] { [startKey, endKey].map { String(decoding: $0, as: UTF8.self) } }
}
