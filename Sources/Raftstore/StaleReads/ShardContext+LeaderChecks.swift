import Codec

extension ShardContext {
  /// Leaders of one question at most, so that its size is bounded.
  private static let leadersPerCheck = 4096

  /// Asks the stores of the other members whether they agree with leaders of this shard.
  func ask(_ leaders: [LeaderInfo], _ round: UInt64) {
    var questions: [UInt64: [LeaderInfo]] = [:]
    for leader in leaders {
      guard let region = meta.held(leader.regionID)?.region else { continue }
      for peer in region.peers where peer.storeID != storeID {
        questions[peer.storeID, default: []].append(leader)
      }
    }
    for (store, asked) in questions.sorted(by: { $0.key < $1.key }) {
      for first in stride(from: 0, to: asked.count, by: Self.leadersPerCheck) {
        let part = asked[first..<min(asked.count, first + Self.leadersPerCheck)]
        transport.check(LeaderCheck(leaders: Array(part)), onStore: store) { [router] response in
          guard let regionID = response.regionIDs.first else { return }
          router.post(
            .leadersAgreed(storeID: store, round: round, regionIDs: response.regionIDs),
            to: regionID)
        }
      }
    }
  }
}
