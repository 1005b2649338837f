import Codec
import Wire

extension RawClient {
  /// The pairs of those `keys` that exist, in the order of `keys`.
  public func batchGet(
    _ keys: [[UInt8]], in family: Family = .default
  ) async throws(ClientError) -> [KeyPair] {
    let responses = try await batch(Self.unique(keys), key: \.self, size: \.count) { part in
      var request = Kvrpcpb_RawBatchGetRequest()
      request.keys = part.map(\.data)
      request.cf = family.rawValue
      return request
    }
    var found: [[UInt8]: [UInt8]] = [:]
    for pair in responses.lazy.flatMap(\.pairs) { found[[UInt8](pair.key)] = [UInt8](pair.value) }
    return keys.compactMap { key in found[key].map { KeyPair(key: key, value: $0) } }
  }

  /// Sets all of `pairs`; of several pairs with one key the last counts.
  public func batchPut(
    _ pairs: [KeyPair], in family: Family = .default
  ) async throws(ClientError) {
    var last: [[UInt8]: [UInt8]] = [:]
    for pair in pairs { last[pair.key] = pair.value }
    let items = last.map { KeyPair(key: $0.key, value: $0.value) }
    _ = try await batch(items, key: \.key, size: { $0.key.count + $0.value.count }) { part in
      var request = Kvrpcpb_RawBatchPutRequest()
      request.pairs = part.map { pair in
        var wire = Kvrpcpb_KvPair()
        wire.key = pair.key.data
        wire.value = pair.value.data
        return wire
      }
      request.cf = family.rawValue
      return request
    }
  }

  /// Removes those of `keys` that exist.
  public func batchDelete(
    _ keys: [[UInt8]], in family: Family = .default
  ) async throws(ClientError) {
    _ = try await batch(Self.unique(keys), key: \.self, size: \.count) { part in
      var request = Kvrpcpb_RawBatchDeleteRequest()
      request.keys = part.map(\.data)
      request.cf = family.rawValue
      return request
    }
  }

  private static func unique(_ keys: [[UInt8]]) -> [[UInt8]] { Array(Set(keys)) }

  // MARK: By region

  /// Groups `items` by region and sends the groups concurrently. Items to be retried are grouped anew,
  /// because regions may have split.
  private func batch<Item: Sendable, Request: RegionRequest>(
    _ items: [Item], key: @Sendable (Item) -> [UInt8], size: @Sendable (Item) -> Int,
    make: @Sendable ([Item]) -> Request
  ) async throws(ClientError) -> [Request.Response] {
    var budget = session.budget(isWrite: Request.isWrite)
    var pending = items.sorted { precedes(key($0), key($1)) }
    var responses: [Request.Response] = []
    while !pending.isEmpty {
      let groups = try await split(pending, key: key, size: size, &budget)
      let outcomes = await send(groups.map { ($0.route, make($0.items)) }, budget)
      pending = []
      var worst: RetryReason?
      var failure: ClientError?
      for (index, outcome) in outcomes {
        switch outcome {
        case .success(.completed(let response)): responses.append(response)
        case .success(.retry(let retryReason)):
          pending += groups[index].items
          worst = Self.worse(worst, retryReason)
        case .failure(let error): failure = failure ?? error
        }
      }
      if let failure { throw budget.final(failure) }
      if let worst {
        pending.sort { precedes(key($0), key($1)) }
        try await budget.pause(worst)
      }
    }
    return responses
  }

  /// The reason with the longer pause; undetermined if either is.
  private static func worse(_ left: RetryReason?, _ right: RetryReason) -> RetryReason {
    guard let left else { return right }
    let weight = { (retryReason: RetryReason) in retryReason.pause?.capMs ?? 0 }
    var worse = weight(left) < weight(right) ? right : left
    worse.minimum = max(left.minimum, right.minimum)
    worse.isUndetermined = left.isUndetermined || right.isUndetermined
    return worse
  }

  private struct Group<Item: Sendable>: Sendable {
    var route: RoutedRegion
    var items: [Item]
  }

  private func split<Item: Sendable>(
    _ sorted: [Item], key: (Item) -> [UInt8], size: (Item) -> Int, _ budget: inout RetryBudget
  ) async throws(ClientError) -> [Group<Item>] {
    var groups: [Group<Item>] = []
    var bytes = 0
    for item in sorted {
      let isFull =
        (groups.last?.items.count ?? 0) >= session.options.batchKeys
        || bytes + size(item) > session.options.batchBytes
      if let last = groups.last, last.route.region.contains(key(item)) {
        if isFull {
          groups.append(Group(route: last.route, items: [item]))
          bytes = size(item)
        } else {
          groups[groups.count - 1].items.append(item)
          bytes += size(item)
        }
      } else {
        let route = try await session.locate(key(item), &budget)
        groups.append(Group(route: route, items: [item]))
        bytes = size(item)
      }
    }
    return groups
  }

  private typealias Outcome<Response: Sendable> = Result<
    ClusterSession.Attempt<Response>, ClientError
  >

  /// The most groups in progress at once.
  private static var width: Int { 16 }

  private func send<Request: RegionRequest>(
    _ requests: [(RoutedRegion, Request)], _ budget: RetryBudget
  ) async -> [(Int, Outcome<Request.Response>)] {
    let session = session
    return await withTaskGroup(of: (Int, Outcome<Request.Response>).self) { group in
      var outcomes: [(Int, Outcome<Request.Response>)] = []
      for (index, (route, request)) in requests.enumerated() {
        if index >= Self.width, let outcome = await group.next() { outcomes.append(outcome) }
        group.addTask {
          var budget = budget
          do throws(ClientError) {
            return (index, .success(try await session.attempt(request, at: route, &budget)))
          } catch {
            return (index, .failure(error))
          }
        }
      }
      for await outcome in group { outcomes.append(outcome) }
      return outcomes
    }
  }
}
