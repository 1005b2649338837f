import Codec
import Wire

extension RawClient {
  /// The result of a compare-and-swap.
  public struct Swap: Sendable, Hashable {
    public var succeeded: Bool
    /// The value before the swap; nil if there was none.
    public var previous: [UInt8]?

    public init(succeeded: Bool, previous: [UInt8]?) {
      self.succeeded = succeeded
      self.previous = previous
    }
  }

  /// Sets `key` to `value` if it has the value `expected`. Atomic with respect to every other write of the key.
  ///
  /// A swap whose result is unknown fails with `undetermined`, whatever `ClientOptions.retriesUndeterminedWrites` is: a
  /// retry could read its own write.
  ///
  /// - Parameters:
  ///   - expected: nil: the key must not exist.
  ///   - value: nil: the key is deleted.
  ///   - ttl: seconds until the new value expires; 0 for never.
  public func compareAndSwap(
    _ key: [UInt8], from expected: [UInt8]?, to value: [UInt8]?, ttl: UInt64 = 0,
    in family: Family = .default
  ) async throws(ClientError) -> Swap {
    var request = Kvrpcpb_RawCASRequest()
    request.key = key.data
    request.cf = family.rawValue
    request.ttl = ttl
    request.previousNotExist = expected == nil
    if let expected { request.previousValue = expected.data }
    request.delete = value == nil
    if let value { request.value = value.data }
    var budget = session.budget(isWrite: true)
    budget.retriesUndetermined = false
    let response = try await perform(request, key: key, budget)
    return Swap(
      succeeded: response.succeed,
      previous: response.previousNotExist ? nil : [UInt8](response.previousValue))
  }

  /// The seconds until `key` expires, 0 if it never does; nil if there is no such key.
  public func ttl(
    _ key: [UInt8], in family: Family = .default
  ) async throws(ClientError) -> UInt64? {
    var request = Kvrpcpb_RawGetKeyTTLRequest()
    request.key = key.data
    request.cf = family.rawValue
    let response = try await perform(request, key: key, session.budget())
    return response.notFound ? nil : response.ttl
  }

  /// A checksum of pairs, independent of their order.
  public struct Checksum: Sendable, Hashable {
    /// The exclusive or of the CRC-64 (ECMA) of each pair, its key followed by its value.
    public var checksum: UInt64 = 0
    public var pairs: UInt64 = 0
    /// Bytes of all keys and values.
    public var bytes: UInt64 = 0

    public init(checksum: UInt64 = 0, pairs: UInt64 = 0, bytes: UInt64 = 0) {
      self.checksum = checksum
      self.pairs = pairs
      self.bytes = bytes
    }
  }

  /// The checksum of the pairs from `start` up to, not including, `end` in the family `default`; an empty `end` is no
  /// bound. Not a snapshot of all of them: the regions are read one after another.
  public func checksum(
    from start: [UInt8] = [], to end: [UInt8] = []
  ) async throws(ClientError) -> Checksum {
    var sum = Checksum()
    var left = KeyRange(start: start, end: end)
    var budget = session.budget()
    while !left.isEmpty {
      let route = try await session.locate(left.start, &budget)
      let part = left.intersect(route.region.range)
      var range = Kvrpcpb_KeyRange()
      range.startKey = part.start.data
      range.endKey = part.end.data
      var request = Kvrpcpb_RawChecksumRequest()
      request.ranges = [range]
      switch try await session.attempt(request, at: route, &budget) {
      case .retry(let retryReason): try await budget.pause(retryReason)
      case .completed(let response):
        sum.checksum ^= response.checksum
        sum.pairs &+= response.totalKvs
        sum.bytes &+= response.totalBytes
        guard !part.end.isEmpty, part.end != end else { return sum }
        left = KeyRange(start: part.end, end: end)
        // The timeout applies to each region.
        budget = session.budget()
      }
    }
    return sum
  }
}
