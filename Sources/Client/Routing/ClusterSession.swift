import Codec
import NIOCore
import RPC
import Runtime
import Synchronization
import Wire

/// The state shared by all parts of a client: the connection to the placement driver and the caches of
/// regions and stores. Makes single attempts of requests. Any task.
final class ClusterSession: Sendable {
  let options: ClientOptions
  let time: ClientTime
  let links: StoreLinks
  let pd: PDRPCClient
  private let cache = Mutex(RegionCache())

  init(
    endpoints: [String], options: ClientOptions, group: any EventLoopGroup, time: ClientTime
  ) throws(ClientError) {
    self.options = options
    self.time = time
    links = StoreLinks(
      group: group, linksPerStore: options.connectionsPerStore, connectTimeout: options.linkTimeout)
    pd = try PDRPCClient(
      endpoints: endpoints, options: options, links: links, time: time)
  }

  /// Closes all connections.
  func close() { links.close() }

  /// The time and the retries of an operation that begins now.
  func budget(isWrite: Bool = false) -> RetryBudget {
    RetryBudget(options, time: time, isWrite: isWrite)
  }

  // MARK: Regions

  /// The region of `key`, from the cache or from the placement driver.
  func locate(
    _ key: [UInt8], _ budget: inout RetryBudget
  ) async throws(ClientError) -> RoutedRegion {
    let known = cache.withLock { $0.find(key) }
    if let known, !known.isStale { return known }
    while true {
      if let route = try await load("GetRegion", key, orElse: known, &budget) {
        guard route.region.contains(key) else {
          throw budget.final(
            .malformedResponse(
              "the placement driver returned \(route.region) for key \(key.hex)")
          )
        }
        return route
      }
      try await budget.pause(missing(key))
    }
  }

  /// The region of the keys just below `key`; an empty `key` stands for the end of all keys.
  func locate(
    before key: [UInt8], _ budget: inout RetryBudget
  ) async throws(ClientError) -> RoutedRegion {
    let known = cache.withLock { $0.find(before: key) }
    if let known, !known.isStale { return known }
    // No request returns the last region: look up a high key and go on to the following regions.
    var probe = key.isEmpty ? [UInt8](repeating: 0xFF, count: 32) : key
    var method = "GetRegion"
    while true {
      guard let route = try await load(method, probe, orElse: known, &budget) else {
        try await budget.pause(missing(key))
        continue
      }
      if route.contains(keysBefore: key) { return route }
      if key.isEmpty {
        probe = route.region.endKey
      } else if method == "GetRegion", route.region.startKey == key {
        method = "GetPrevRegion"
      } else {
        // The regions changed between two requests.
        method = "GetRegion"
        try await budget.pause(missing(key))
      }
    }
  }

  private func missing(_ key: [UInt8]) -> RetryReason {
    RetryReason(
      pause: .regionMiss, cause: .pd("no region with a peer is known for key \(key.hex)"))
  }

  /// Looks a region up in the placement driver: once if a stale route is `known`, which is returned if that
  /// fails; else until the budget is used up. Nil if no region with a peer is known.
  private func load(
    _ method: String, _ key: [UInt8], orElse known: RoutedRegion?, _ budget: inout RetryBudget
  ) async throws(ClientError) -> RoutedRegion? {
    var request = Pdpb_GetRegionRequest()
    request.regionKey = key.data
    let response: Pdpb_GetRegionResponse
    if let known {
      do throws(PDFailure) {
        response = try await pd.callOnce(method, request, timeout: budget.remaining)
      } catch {
        return known
      }
    } else {
      response = try await pd.call(method, request, &budget)
    }
    guard response.hasRegion else { return nil }
    let region: Region
    let leader: PeerInfo?
    do {
      region = try Region(response.region)
      leader = response.hasLeader && response.leader.id != 0 ? try PeerInfo(response.leader) : nil
    } catch {
      throw budget.final(.malformedResponse("\(method): \(error)"))
    }
    guard let route = RoutedRegion(region: region, leader: leader) else { return nil }
    cache.withLock { _ = $0.put(route) }
    return route
  }

  // MARK: Stores

  /// The store's address, from the cache or from the placement driver; nil if the store is unknown or
  /// removed.
  private func address(
    of storeID: UInt64, _ budget: inout RetryBudget
  ) async throws(ClientError) -> String? {
    let known = links.address(of: storeID)
    if let known, !known.isStale { return known.text }
    var request = Pdpb_GetStoreRequest()
    request.storeID = storeID
    let response: Pdpb_GetStoreResponse
    do throws(PDFailure) {
      response = try await pd.callOnce("GetStore", request, timeout: budget.remaining)
    } catch {
      switch error {
      // It does not know the store.
      case .rejected: return nil
      case .endpoint(let message), .refused(let message):
        if let known { return known.text }
        try await budget.pause(RetryReason(pause: .pd, cause: .pd(message)))
        return nil
      }
    }
    guard response.hasStore, response.store.state != .tombstone, !response.store.address.isEmpty
    else { return nil }
    links.update(storeID, response.store.address)
    return response.store.address
  }

  // MARK: Attempts

  /// The result of one attempt that did not end the operation.
  enum Attempt<Response: Sendable>: Sendable {
    case completed(Response)
    case retry(RetryReason)
  }

  /// Sends `request` to the target peer of `route`, and updates the caches by the response.
  ///
  /// - Throws: an error that ends the operation.
  func attempt<Request: RegionRequest>(
    _ request: Request, at route: RoutedRegion, _ budget: inout RetryBudget
  ) async throws(ClientError) -> Attempt<Request.Response> {
    let target = route.target
    guard let address = try await address(of: target.storeID, &budget) else {
      return .retry(noAddress(route, "store \(target.storeID) is not known"))
    }
    guard let link = links.link(to: address) else {
      return .retry(noAddress(route, "invalid address '\(address)' of store \(target.storeID)"))
    }
    guard await link.isReady() else {
      return .retry(unreachable(route, address, "cannot connect", isUndetermined: false))
    }
    var request = request
    request.context = route.context.wire
    let response: Request.Response
    do {
      let limit = max(.milliseconds(1), min(budget.remaining, options.attemptTimeout))
      response = try await link.channel.unary(
        Request.path, request, options: CallOptions(timeout: .nanoseconds(limit.asNanoseconds)))
    } catch {
      return .retry(try failed(error, route, address, budget))
    }
    if response.hasRegionError {
      return .retry(try refused(response.regionError, route, budget))
    }
    guard response.refusal.isEmpty else { throw budget.final(.refused(response.refusal)) }
    if route.misses > 0 { cache.withLock { $0.confirm(id: route.region.id) } }
    return .completed(response)
  }

  private func failed(
    _ status: RPCStatus, _ route: RoutedRegion, _ address: String, _ budget: RetryBudget
  ) throws(ClientError) -> RetryReason {
    switch status.code {
    case .cancelled where Task.isCancelled:
      throw budget.isWrite
        ? .undetermined(last: .store(address: address, message: "\(status)"))
        : .cancelled
    case .unavailable, .deadlineExceeded, .cancelled, .unknown, .internal, .aborted, .dataLoss:
      return unreachable(route, address, "\(status)", isUndetermined: true)
    default: throw budget.final(.refused("store at \(address): \(status)"))
    }
  }

  /// The next peer is tried at once; there is a pause after all of them have been tried.
  private func unreachable(
    _ route: RoutedRegion, _ address: String, _ message: String, isUndetermined: Bool
  ) -> RetryReason {
    links.invalidateAddress(route.target.storeID)
    let hasNextPeer = cache.withLock { $0.moveToNextPeer(id: route.region.id, from: route.target) }
    return RetryReason(
      pause: hasNextPeer ? nil : .noLeader, cause: .store(address: address, message: message),
      isUndetermined: isUndetermined)
  }

  private func noAddress(_ route: RoutedRegion, _ message: String) -> RetryReason {
    let hasNextPeer = cache.withLock { $0.moveToNextPeer(id: route.region.id, from: route.target) }
    return RetryReason(
      pause: hasNextPeer ? nil : .regionMiss, cause: .region(id: route.region.id, message: message))
  }

  private func refused(
    _ wire: Errorpb_Error, _ route: RoutedRegion, _ budget: RetryBudget
  ) throws(ClientError) -> RetryReason {
    let error: RegionError
    do {
      error = try RegionError(wire)
    } catch let malformed {
      error = .other(message: "\(wire.message) (\(malformed))")
    }
    let action = RegionErrorAction(error, at: route)
    cache.withLock { cache in
      switch action.cacheUpdate {
      case .nothing: break
      case .remove: cache.remove(id: route.region.id)
      case .removeAndExpireAddress:
        cache.remove(id: route.region.id)
        links.invalidateAddress(route.target.storeID)
      case .leader(let leader): cache.setTarget(id: route.region.id, leader)
      case .nextPeer: _ = cache.moveToNextPeer(id: route.region.id, from: route.target)
      case .replace(let regions):
        cache.remove(id: route.region.id)
        for region in regions {
          let leader = region.peer(onStore: route.target.storeID)
          guard let route = RoutedRegion(region: region, leader: leader) else { continue }
          cache.put(route)
        }
      }
    }
    guard let retryReason = action.retryReason else {
      throw budget.final(.refused("\(error.message)"))
    }
    return retryReason
  }
}
