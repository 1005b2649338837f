import Codec
import Wire

extension RawClient {
  /// The order of a scan's results.
  public enum Order: Sendable {
    case ascending
    case descending
  }

  /// The first `limit` pairs from `start` to `end`, exclusive, across regions; with `descending` order the
  /// last ones, beginning at the end. An empty `end` means no bound.
  ///
  /// Not a snapshot: regions are read one after the other.
  public func scan(
    from start: [UInt8] = [], to end: [UInt8] = [], limit: Int, order: Order = .ascending,
    keysOnly: Bool = false, in family: Family = .default
  ) async throws(ClientError) -> [KeyPair] {
    var left = KeyRange(start: start, end: end)
    var pairs: [KeyPair] = []
    var budget = session.budget()
    while pairs.count < limit, !left.isEmpty {
      let route =
        order == .ascending
        ? try await session.locate(left.start, &budget)
        : try await session.locate(before: left.end, &budget)
      let part = left.intersect(route.region.range)
      let page = min(limit - pairs.count, session.options.scanPage)
      var request = Self.request(part, order, page)
      request.keyOnly = keysOnly
      request.cf = family.rawValue
      let response: Kvrpcpb_RawScanResponse
      switch try await session.attempt(request, at: route, &budget) {
      case .retry(let retryReason):
        try await budget.pause(retryReason)
        continue
      case .completed(let found): response = found
      }
      for pair in response.kvs {
        pairs.append(KeyPair(key: [UInt8](pair.key), value: [UInt8](pair.value)))
      }
      // After a full page the same region may have more.
      let last = response.kvs.count >= page ? pairs.last?.key : nil
      guard let rest = Self.rest(of: left, after: part, order, last) else { break }
      left = rest
      // Each page is progress: the timeout is for one page.
      budget = session.budget()
    }
    return pairs
  }

  /// In a reverse scan of TiKV's wire the start key is the upper bound, exclusive.
  private static func request(
    _ part: KeyRange, _ order: Order, _ page: Int
  ) -> Kvrpcpb_RawScanRequest {
    var request = Kvrpcpb_RawScanRequest()
    request.limit = UInt32(clamping: page)
    switch order {
    case .ascending:
      request.startKey = part.start.data
      request.endKey = part.end.data
    case .descending:
      request.reverse = true
      request.startKey = part.end.data
      request.endKey = part.start.data
    }
    return request
  }

  /// The range still to be scanned; nil if the scan is complete.
  private static func rest(
    of left: KeyRange, after part: KeyRange, _ order: Order, _ last: [UInt8]?
  ) -> KeyRange? {
    switch order {
    case .ascending:
      if let last { return KeyRange(start: last + [0], end: left.end) }
      guard !part.end.isEmpty, part.end != left.end else { return nil }
      return KeyRange(start: part.end, end: left.end)
    case .descending:
      if let last {
        // An empty bound would mean the end of all keys: nothing is below the empty key.
        return last.isEmpty ? nil : KeyRange(start: left.start, end: last)
      }
      guard part.start != left.start else { return nil }
      return KeyRange(start: left.start, end: part.start)
    }
  }
}
