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

  /// The number by which the cluster tells itself from others.
  public var clusterID: UInt64 { session.pd.clusterID }

  /// The placement driver's own members.
  public func members() async throws(ClientError) -> [MemberView] {
    var budget = session.budget()
    let answer = try await session.pd.members(&budget)
    return answer.members.map { MemberView($0, leader: answer.leader.memberID) }
  }

  /// Every store, by id, with what each told of itself last.
  public func stores(includingTombstones: Bool = false) async throws(ClientError) -> [StoreView] {
    var budget = session.budget()
    var request = Pdpb_GetAllStoresRequest()
    request.excludeTombstoneStores = !includingTombstones
    let answer: Pdpb_GetAllStoresResponse = try await session.pd.call(
      "GetAllStores", request, &budget)
    var stores: [StoreView] = []
    for store in answer.stores.sorted(by: { $0.id < $1.id }) {
      if let view = try await self.store(id: store.id, &budget) {
        stores.append(view)
      } else {
        stores.append(try StoreView(store, statistics: nil))
      }
    }
    return stores
  }

  /// One store; nil if there is none of that id.
  public func store(id: UInt64) async throws(ClientError) -> StoreView? {
    var budget = session.budget()
    return try await store(id: id, &budget)
  }

  private func store(
    id: UInt64, _ budget: inout RetryBudget
  ) async throws(ClientError) -> StoreView? {
    var request = Pdpb_GetStoreRequest()
    request.storeID = id
    let answer: Pdpb_GetStoreResponse
    do throws(ClientError) {
      answer = try await session.pd.call("GetStore", request, &budget)
    } catch .refused(let message) where message.contains("not found") {
      return nil
    }
    guard answer.hasStore else { return nil }
    return try StoreView(
      answer.store, statistics: answer.hasStats ? StoreStatistics(answer.stats) : nil)
  }

  /// The regions that hold keys from `start` up to, not including, `end`, in the order of their keys.
  /// An empty `end` means no bound; a `limit` of 0, no limit.
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
      let answer: Pdpb_ScanRegionsResponse = try await session.pd.call(
        "ScanRegions", request, &budget)
      let found = try Self.regions(answer)
      regions += found
      guard found.count == page, let last = found.last, !last.endKey.isEmpty,
        precedes(position, last.endKey), end.isEmpty || precedes(last.endKey, end)
      else { break }
      position = last.endKey
    }
    return regions
  }

  private static let regionPage = 1024

  /// Older placement drivers respond with regions and leaders side by side.
  private static func regions(
    _ answer: Pdpb_ScanRegionsResponse
  ) throws(ClientError) -> [RegionView] {
    var views: [RegionView] = []
    guard answer.regions.isEmpty else {
      for region in answer.regions { views.append(try RegionView(region)) }
      return views
    }
    for (index, region) in answer.regionMetas.enumerated() {
      let leader = index < answer.leaders.count ? answer.leaders[index] : nil
      views.append(try RegionView(region, leader: leader, down: [], pending: []))
    }
    return views
  }

  /// The region that holds `key`; nil if none is known.
  public func region(holding key: [UInt8]) async throws(ClientError) -> RegionView? {
    var budget = session.budget()
    var request = Pdpb_GetRegionRequest()
    request.regionKey = key.data
    let answer: Pdpb_GetRegionResponse = try await session.pd.call(
      "GetRegion", request, &budget)
    return try RegionView(answer)
  }

  /// One region; nil if there is none of that id.
  public func region(id: UInt64) async throws(ClientError) -> RegionView? {
    // No region has it, and placement drivers refuse to look.
    guard id != 0 else { return nil }
    var budget = session.budget()
    var request = Pdpb_GetRegionByIDRequest()
    request.regionID = id
    let answer: Pdpb_GetRegionResponse = try await session.pd.call(
      "GetRegionByID", request, &budget)
    return try RegionView(answer)
  }

  /// A fresh timestamp, larger than every one given out before.
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
        let answer: Pdpb_TsoResponse = try MessageCoding.decode(reply: message)
        return try Self.timestamp(answer)
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

  private static func timestamp(_ answer: Pdpb_TsoResponse) throws(ClientError) -> UInt64 {
    let (physical, logical) = (answer.timestamp.physical, answer.timestamp.logical)
    guard answer.hasTimestamp, physical > 0, physical >> 46 == 0, logical >= 0,
      UInt64(logical) <= Timestamp.maxLogical
    else { throw .malformedResponse("Tso: \(physical), \(logical) is not a timestamp") }
    return Timestamp(physical: UInt64(physical), logical: UInt64(logical)).value
  }
}
