import Codec
import Wire

extension ClusterClient {
  /// Splits a region. Returns the resulting regions in key order.
  ///
  /// A split whose outcome is unknown is not sent again: it fails as `undetermined`.
  ///
  /// - Parameters:
  ///   - keys: the first keys of the regions to be. None: the region is split in the middle of its data.
  ///   - isTransactional: whether `keys` are keys of transactions, which regions have in encoded form.
  public func splitRegion(
    id: UInt64, at keys: [[UInt8]] = [], isTransactional: Bool = false
  ) async throws(ClientError) -> [RegionView] {
    var budget = session.budget(isWrite: true)
    var request = Kvrpcpb_SplitRegionRequest()
    request.splitKeys = keys.map(\.data)
    request.isRawKv = !isTransactional
    while true {
      guard let start = try await region(id: id)?.startKey else {
        throw .notFound("region \(id)")
      }
      let route = try await session.locate(start, &budget)
      guard route.region.id == id else {
        throw .refused("region \(id) changes: region \(route.region.id) starts at its start key")
      }
      switch try await session.attempt(request, at: route, &budget) {
      case .completed(let response): return try views(response.regions, route)
      case .retry(let reason) where reason.isUndetermined:
        throw .undetermined(last: reason.cause)
      case .retry(let reason): try await budget.pause(reason)
      }
    }
  }

  /// The leaders are those that the parent's leader is about to have the regions elect.
  private func views(
    _ regions: [Metapb_Region], _ route: RoutedRegion
  ) throws(ClientError) -> [RegionView] {
    var views: [RegionView] = []
    for region in regions {
      let leader = region.peers.first { $0.storeID == route.target.storeID }
      views.append(try RegionView(region, leader: leader, down: [], pending: []))
    }
    return views
  }
}
