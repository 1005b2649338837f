import Codec
import Wire

/// Reads and writes of keys and values outside transactions. Operations on one key are linearizable.
///
/// Operations on several keys are not atomic: each region executes its part separately.
public struct RawClient: Sendable {
  /// The column families, which are separate key spaces.
  public enum Family: String, Sendable, CaseIterable {
    case `default`
    case write
    case lock
  }

  let session: ClusterSession

  init(session: ClusterSession) {
    self.session = session
  }

  /// The value of `key`; nil if there is none.
  public func get(
    _ key: [UInt8], in family: Family = .default
  ) async throws(ClientError) -> [UInt8]? {
    var request = Kvrpcpb_RawGetRequest()
    request.key = key.data
    request.cf = family.rawValue
    let response = try await perform(request, key: key)
    return response.notFound ? nil : [UInt8](response.value)
  }

  /// Sets `key` to `value`.
  ///
  /// - Parameter ttl: seconds until the value expires, 0 for never; only clusters with TTL accept others than 0.
  public func put(
    _ key: [UInt8], _ value: [UInt8], ttl: UInt64 = 0, in family: Family = .default
  ) async throws(ClientError) {
    var request = Kvrpcpb_RawPutRequest()
    request.key = key.data
    request.value = value.data
    request.ttl = ttl
    request.cf = family.rawValue
    _ = try await perform(request, key: key)
  }

  /// Removes `key` if it exists.
  public func delete(
    _ key: [UInt8], in family: Family = .default
  ) async throws(ClientError) {
    var request = Kvrpcpb_RawDeleteRequest()
    request.key = key.data
    request.cf = family.rawValue
    _ = try await perform(request, key: key)
  }

  /// Removes every key from `start` to `end`, exclusive; an empty `end` means no bound.
  public func deleteRange(
    from start: [UInt8], to end: [UInt8], in family: Family = .default
  ) async throws(ClientError) {
    let range = KeyRange(start: start, end: end)
    guard !range.isEmpty else { return }
    var budget = session.budget(isWrite: true)
    var position = start
    while true {
      let route = try await session.locate(position, &budget)
      let part = KeyRange(start: position, end: route.region.endKey)
        .intersect(KeyRange(start: position, end: end))
      var request = Kvrpcpb_RawDeleteRangeRequest()
      request.startKey = part.start.data
      request.endKey = part.end.data
      request.cf = family.rawValue
      switch try await session.attempt(request, at: route, &budget) {
      case .retry(let retryReason): try await budget.pause(retryReason)
      case .completed:
        guard part.end != end, !part.end.isEmpty else { return }
        position = part.end
      }
    }
  }

  /// Retries until the request succeeds or is rejected, or the time is over.
  private func perform<Request: RegionRequest>(
    _ request: Request, key: [UInt8]
  ) async throws(ClientError) -> Request.Response {
    try await perform(request, key: key, session.budget(isWrite: Request.isWrite))
  }

  /// As `perform(_:key:)`, with a given budget.
  func perform<Request: RegionRequest>(
    _ request: Request, key: [UInt8], _ budget: RetryBudget
  ) async throws(ClientError) -> Request.Response {
    var budget = budget
    while true {
      let route = try await session.locate(key, &budget)
      switch try await session.attempt(request, at: route, &budget) {
      case .completed(let response): return response
      case .retry(let retryReason): try await budget.pause(retryReason)
      }
    }
  }
}

/// A key and its value.
public struct KeyPair: Sendable, Hashable {
  public var key: [UInt8]
  /// Empty in the results of a scan with `keysOnly`.
  public var value: [UInt8]

  public init(key: [UInt8], value: [UInt8] = []) {
    self.key = key
    self.value = value
  }
}
