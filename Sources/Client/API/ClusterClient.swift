import Codec
import NIOCore
import RPC
import Runtime
import Wire

/// Queries of the placement driver: members, stores, regions, timestamps.
public struct ClusterClient: Sendable {
  let session: ClusterSession

  init(session: ClusterSession) {
    self.session = session
  }

  /// The cluster's id.
  public var clusterID: UInt64 { session.pd.clusterID }

  /// The members of the placement driver.
  public func members() async throws(ClientError) -> [MemberView] {
    var budget = session.budget()
    let response = try await session.pd.members(&budget)
    return response.members.map { MemberView($0, leader: response.leader.memberID) }
  }

  /// All stores, ordered by id, with the statistics of their last heartbeats.
  public func stores(includingTombstones: Bool = false) async throws(ClientError) -> [StoreView] {
    var budget = session.budget()
    var request = Pdpb_GetAllStoresRequest()
    request.excludeTombstoneStores = !includingTombstones
    let response: Pdpb_GetAllStoresResponse = try await session.pd.call(
      "GetAllStores", request, &budget)
    var stores: [StoreView] = []
    for store in response.stores.sorted(by: { $0.id < $1.id }) {
      if let view = try await self.store(id: store.id, &budget) {
        stores.append(view)
      } else {
        stores.append(try StoreView(store, statistics: nil))
      }
    }
    return stores
  }

  /// The store with that id; nil if there is none.
  public func store(id: UInt64) async throws(ClientError) -> StoreView? {
    var budget = session.budget()
    return try await store(id: id, &budget)
  }

  private func store(
    id: UInt64, _ budget: inout RetryBudget
  ) async throws(ClientError) -> StoreView? {
    var request = Pdpb_GetStoreRequest()
    request.storeID = id
    let response: Pdpb_GetStoreResponse
    do throws(ClientError) {
      response = try await session.pd.call("GetStore", request, &budget)
    } catch .refused(let message) where message.contains("not found") {
      return nil
    }
    guard response.hasStore else { return nil }
    return try StoreView(
      response.store, statistics: response.hasStats ? StoreStatistics(response.stats) : nil)
  }

  /// The regions that contain keys from `start` to `end`, exclusive, in key order. An empty `end` means no
  /// bound; a `limit` of 0 means no limit.
  public func regions(
    from start: [UInt8] = [], to end: [UInt8] = [], limit: Int = 0
  ) async throws(ClientError) -> [RegionView] {
    var budget = session.budget()
    var regions: [RegionView] = []
    var position = start
    while limit == 0 || regions.count < limit {
      var request = Pdpb_ScanRegionsRequest()
      request.startKey = position.data
      request.endKey = end.data
      let page = limit == 0 ? Self.regionPage : min(Self.regionPage, limit - regions.count)
      request.limit = Int32(page)
      let response: Pdpb_ScanRegionsResponse = try await session.pd.call(
        "ScanRegions", request, &budget)
      let found = try Self.regions(response)
      regions += found
      guard found.count == page, let last = found.last, !last.endKey.isEmpty,
        precedes(position, last.endKey), end.isEmpty || precedes(last.endKey, end)
      else { break }
      position = last.endKey
    }
    return regions
  }

  private static let regionPage = 1024

  /// Older placement drivers return regions and leaders in two parallel lists.
  private static func regions(
    _ response: Pdpb_ScanRegionsResponse
  ) throws(ClientError) -> [RegionView] {
    var views: [RegionView] = []
    guard response.regions.isEmpty else {
      for region in response.regions { views.append(try RegionView(region)) }
      return views
    }
    for (index, region) in response.regionMetas.enumerated() {
      let leader = index < response.leaders.count ? response.leaders[index] : nil
      views.append(try RegionView(region, leader: leader, down: [], pending: []))
    }
    return views
  }

  /// The region that contains `key`; nil if none is known.
  public func region(holding key: [UInt8]) async throws(ClientError) -> RegionView? {
    var budget = session.budget()
    var request = Pdpb_GetRegionRequest()
    request.regionKey = key.data
    let response: Pdpb_GetRegionResponse = try await session.pd.call(
      "GetRegion", request, &budget)
    return try RegionView(response)
  }

  /// The region with that id; nil if there is none.
  public func region(id: UInt64) async throws(ClientError) -> RegionView? {
    // No region has this id, and placement drivers reject it.
    guard id != 0 else { return nil }
    var budget = session.budget()
    var request = Pdpb_GetRegionByIDRequest()
    request.regionID = id
    let response: Pdpb_GetRegionResponse = try await session.pd.call(
      "GetRegionByID", request, &budget)
    return try RegionView(response)
  }

  /// A new timestamp, larger than every one allocated before.
  public func timestamp() async throws(ClientError) -> UInt64 {
    var budget = session.budget()
    let link = try await session.pd.link(&budget)
    let limit = max(.milliseconds(1), min(budget.remaining, session.options.attemptTimeout))
    let stream = link.channel.openAsyncStream(
      "/pdpb.PD/Tso", options: CallOptions(timeout: .nanoseconds(limit.asNanoseconds)))
    var request = Pdpb_TsoRequest()
    request.header.clusterID = clusterID
    request.count = 1
    do {
      try await stream.send(message: request)
      stream.finish()
      for try await message in stream.messages {
        let response: Pdpb_TsoResponse = try MessageCoding.decode(reply: message)
        return try Self.timestamp(response)
      }
      throw ClientError.malformedResponse("Tso: no timestamp")
    } catch let error as ClientError {
      throw error
    } catch is CancellationError {
      throw .cancelled
    } catch {
      throw .unreachable("placement driver: \(error)")
    }
  }

  private static func timestamp(_ response: Pdpb_TsoResponse) throws(ClientError) -> UInt64 {
    let (physical, logical) = (response.timestamp.physical, response.timestamp.logical)
    guard response.hasTimestamp, physical > 0, physical >> 46 == 0, logical >= 0,
      UInt64(logical) <= Timestamp.maxLogical
    else { throw .malformedResponse("Tso: \(physical), \(logical) is not a timestamp") }
    return Timestamp(physical: UInt64(physical), logical: UInt64(logical)).value
  }
}
