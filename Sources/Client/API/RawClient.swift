import Codec
import Wire

/// Reads and writes of plain keys and values, each key by itself linearizable.
///
/// Operations on many keys are not atomic: each region's part is carried out for itself.
public struct RawClient: Sendable {
  /// The name spaces a raw key can live in.
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
    let answer = try await perform(request, key: key)
    return answer.notFound ? nil : [UInt8](answer.value)
  }

  /// Sets `key` to `value`.
  public func put(
    _ key: [UInt8], _ value: [UInt8], in family: Family = .default
  ) async throws(ClientError) {
    var request = Kvrpcpb_RawPutRequest()
    request.key = key.data
    request.value = value.data
    request.cf = family.rawValue
    _ = try await perform(request, key: key)
  }

  /// Removes `key`, whether it is there or not.
  public func delete(
    _ key: [UInt8], in family: Family = .default
  ) async throws(ClientError) {
    var request = Kvrpcpb_RawDeleteRequest()
    request.key = key.data
    request.cf = family.rawValue
    _ = try await perform(request, key: key)
  }

  /// Removes every key from `start` up to, not including, `end`; an empty `end` means no bound.
  public func deleteRange(
    from start: [UInt8], to end: [UInt8], in family: Family = .default
  ) async throws(ClientError) {
    let range = KeyRange(start: start, end: end)
    guard !range.isEmpty else { return }
    var budget = session.budget(isWrite: true)
    var position = start
    while true {
      let place = try await session.locate(position, &budget)
      let part = KeyRange(start: position, end: place.region.endKey)
        .intersect(KeyRange(start: position, end: end))
      var request = Kvrpcpb_RawDeleteRangeRequest()
      request.startKey = part.start.data
      request.endKey = part.end.data
      request.cf = family.rawValue
      switch try await session.attempt(request, at: place, &budget) {
      case .again(let retryReason): try await budget.pause(retryReason)
      case .answered:
        guard part.end != end, !part.end.isEmpty else { return }
        position = part.end
      }
    }
  }

  /// Tries until it is done, refused, or out of time.
  private func perform<Request: RegionRequest>(
    _ request: Request, key: [UInt8]
  ) async throws(ClientError) -> Request.Answer {
    var budget = session.budget(isWrite: Request.isWrite)
    while true {
      let place = try await session.locate(key, &budget)
      switch try await session.attempt(request, at: place, &budget) {
      case .answered(let answer): return answer
      case .again(let retryReason): try await budget.pause(retryReason)
      }
    }
  }
}

/// A key and its value.
public struct KeyPair: Sendable, Hashable {
  public var key: [UInt8]
  /// Empty where only keys were asked for.
  public var value: [UInt8]

  public init(key: [UInt8], value: [UInt8] = []) {
    self.key = key
    self.value = value
  }
}
