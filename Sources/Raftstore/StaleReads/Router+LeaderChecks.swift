package import Codec
import Runtime
import Synchronization

extension Router {
  /// Asks the peers here whether they agree with the leaders of another store.
  ///
  /// - Parameter completion: called once, with the regions that do. A peer of a busy shard does not.
  package func check(
    _ leaders: [LeaderInfo], _ completion: @escaping @Sendable ([UInt64]) -> Void
  ) {
    let count = max(1, shardCount)
    var parts = [[LeaderInfo]](repeating: [], count: count)
    for leader in leaders { parts[Int(leader.regionID % UInt64(count))].append(leader) }
    parts.removeAll(where: \.isEmpty)
    let gathering = AgreementGathering(parts: parts.count, completion)
    for part in parts {
      let agreed = Completion<[UInt64]>(abandoned: []) { gathering.add($0) }
      if !send(.checkLeaders(part, agreed), to: part[0].regionID) { agreed([]) }
    }
  }
}

/// Gathers the responses of shards.
private final class AgreementGathering: Sendable {
  private struct State {
    var agreed: [UInt64] = []
    var left: Int
  }

  private let state: Mutex<State>
  private let completion: @Sendable ([UInt64]) -> Void

  init(parts: Int, _ completion: @escaping @Sendable ([UInt64]) -> Void) {
    state = Mutex(State(left: parts))
    self.completion = completion
    if parts == 0 { completion([]) }
  }

  func add(_ agreed: [UInt64]) {
    let all = state.withLock { state -> [UInt64]? in
      state.agreed += agreed
      state.left -= 1
      return state.left == 0 ? state.agreed : nil
    }
    if let all { completion(all) }
  }
}
