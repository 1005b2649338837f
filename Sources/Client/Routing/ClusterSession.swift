import Codec
import NIOCore
import RPC
import Runtime
import Synchronization
import Wire

/// State shared by all parts of a client: the PD connection, the region and store caches, and one
/// attempt of a request.
final class ClusterSession: Sendable {
  let options: ClientOptions
  let time: ClientTime
  let links: StoreLinks
  let pd: PDRPCClient
  private let table = Mutex(RegionTable())

  init(
    endpoints: [String], options: ClientOptions, group: any EventLoopGroup, time: ClientTime
  ) throws(ClientError) {
    self.options = options
    self.time = time
    links = StoreLinks(group: group, linksPerStore: options.connectionsPerStore)
    pd = try PDRPCClient(
      endpoints: endpoints, options: options, links: links, time: time)
  }

  func close() { links.close() }

  func budget(isWrite: Bool = false) -> RetryBudget {
    RetryBudget(options, time: time, isWrite: isWrite)
  }

  // MARK: Finding regions

  /// The region of `key`, from memory or from the placement driver.
  func locate(
    _ key: [UInt8], _ budget: inout RetryBudget
  ) async throws(ClientError) -> RoutedRegion {
    let known = table.withLock { $0.find(key) }
    if let known, !known.isStale { return known }
    while true {
      if let place = try await load("GetRegion", key, orElse: known, &budget) {
        guard place.region.contains(key) else {
          throw budget.final(
            .malformedResponse(
              "asked for key \(key.hex), the placement driver named \(place.region)")
          )
        }
        return place
      }
      try await budget.pause(missing(key))
    }
  }

  /// The region of the keys just below `key`; an empty `key` stands for the end of all keys.
  func locate(
    before key: [UInt8], _ budget: inout RetryBudget
  ) async throws(ClientError) -> RoutedRegion {
    let known = table.withLock { $0.find(before: key) }
    if let known, !known.isStale { return known }
    // No question leads straight to the last region: guess high, and walk on from there.
    var probe = key.isEmpty ? [UInt8](repeating: 0xFF, count: 32) : key
    var method = "GetRegion"
    while true {
      guard let place = try await load(method, probe, orElse: known, &budget) else {
        try await budget.pause(missing(key))
        continue
      }
      if place.holds(before: key) { return place }
      if key.isEmpty {
        probe = place.region.endKey
      } else if method == "GetRegion", place.region.startKey == key {
        method = "GetPrevRegion"
      } else {
        // The regions changed between two questions.
        method = "GetRegion"
        try await budget.pause(missing(key))
      }
    }
  }

  private func missing(_ key: [UInt8]) -> RetryReason {
    RetryReason(
      pause: .regionMiss, cause: .pd("no region with a peer is known for key \(key.hex)"))
  }

  /// Asks the placement driver; if there is something to go on without it, only once.
  private func load(
    _ method: String, _ key: [UInt8], orElse known: RoutedRegion?, _ budget: inout RetryBudget
  ) async throws(ClientError) -> RoutedRegion? {
    var request = Pdpb_GetRegionRequest()
    request.regionKey = key.data
    let answer: Pdpb_GetRegionResponse
    if let known {
      do throws(PDFailure) {
        answer = try await pd.callOnce(method, request, timeout: budget.remaining)
      } catch {
        return known
      }
    } else {
      answer = try await pd.call(method, request, &budget)
    }
    guard answer.hasRegion else { return nil }
    let region: Region
    let leader: PeerInfo?
    do {
      region = try Region(answer.region)
      leader = answer.hasLeader && answer.leader.id != 0 ? try PeerInfo(answer.leader) : nil
    } catch {
      throw budget.final(.malformedResponse("\(method): \(error)"))
    }
    guard let place = RoutedRegion(region: region, leader: leader) else { return nil }
    table.withLock { _ = $0.put(place) }
    return place
  }

  // MARK: Stores

  /// Where the store is, from memory or from the placement driver; nil if it is gone permanently.
  private func address(
    of storeID: UInt64, _ budget: inout RetryBudget
  ) async throws(ClientError) -> String? {
    let known = links.address(of: storeID)
    if let known, !known.isStale { return known.text }
    var request = Pdpb_GetStoreRequest()
    request.storeID = storeID
    let answer: Pdpb_GetStoreResponse
    do throws(PDFailure) {
      answer = try await pd.callOnce("GetStore", request, timeout: budget.remaining)
    } catch {
      switch error {
      // It does not know the store.
      case .answered: return nil
      case .endpoint(let message), .refused(let message):
        if let known { return known.text }
        try await budget.pause(RetryReason(pause: .pd, cause: .pd(message)))
        return nil
      }
    }
    guard answer.hasStore, answer.store.state != .tombstone, !answer.store.address.isEmpty
    else { return nil }
    links.update(storeID, answer.store.address)
    return answer.store.address
  }

  // MARK: Attempts

  /// The result of one attempt.
  enum Attempt<Answer: Sendable>: Sendable {
    case answered(Answer)
    case again(RetryReason)
  }

  /// Sends `request` to the peer that `place` names, and learns from what comes back.
  func attempt<Request: RegionRequest>(
    _ request: Request, at place: RoutedRegion, _ budget: inout RetryBudget
  ) async throws(ClientError) -> Attempt<Request.Answer> {
    let target = place.target
    guard let address = try await address(of: target.storeID, &budget) else {
      return .again(unserved(place, "store \(target.storeID) is not known"))
    }
    guard let link = links.link(to: address) else {
      return .again(unserved(place, "store \(target.storeID) has no usable address: '\(address)'"))
    }
    guard await link.isReady() else {
      return .again(unreachable(place, address, "cannot connect", isUndetermined: false))
    }
    var request = request
    request.context = place.context.wire
    let answer: Request.Answer
    do {
      let limit = max(.milliseconds(1), min(budget.remaining, options.attemptTimeout))
      answer = try await link.channel.unary(
        Request.path, request, options: CallOptions(timeout: .nanoseconds(limit.asNanoseconds)))
    } catch {
      return .again(try broken(error, place, address, budget))
    }
    if answer.hasRegionError {
      return .again(try refused(answer.regionError, place, budget))
    }
    guard answer.refusal.isEmpty else { throw budget.final(.refused(answer.refusal)) }
    if place.misses > 0 { table.withLock { $0.confirm(id: place.region.id) } }
    return .answered(answer)
  }

  private func broken(
    _ status: RPCStatus, _ place: RoutedRegion, _ address: String, _ budget: RetryBudget
  ) throws(ClientError) -> RetryReason {
    switch status.code {
    case .cancelled where Task.isCancelled:
      throw budget.isWrite
        ? .undetermined(last: .store(address: address, message: "\(status)"))
        : .cancelled
    case .unavailable, .deadlineExceeded, .cancelled, .unknown, .internal, .aborted, .dataLoss:
      return unreachable(place, address, "\(status)", isUndetermined: true)
    default: throw budget.final(.refused("store at \(address): \(status)"))
    }
  }

  /// The next peer is asked at once; only after all of them had their turn there is a pause.
  private func unreachable(
    _ place: RoutedRegion, _ address: String, _ message: String, isUndetermined: Bool
  ) -> RetryReason {
    links.invalidateLeader(place.target.storeID)
    let isTurned = table.withLock { $0.turn(id: place.region.id, from: place.target) }
    return RetryReason(
      pause: isTurned ? nil : .noLeader, cause: .store(address: address, message: message),
      isUndetermined: isUndetermined)
  }

  private func unserved(_ place: RoutedRegion, _ message: String) -> RetryReason {
    let isTurned = table.withLock { $0.turn(id: place.region.id, from: place.target) }
    return RetryReason(
      pause: isTurned ? nil : .regionMiss, cause: .region(id: place.region.id, message: message))
  }

  private func refused(
    _ wire: Errorpb_Error, _ place: RoutedRegion, _ budget: RetryBudget
  ) throws(ClientError) -> RetryReason {
    let error: RegionError
    do {
      error = try RegionError(wire)
    } catch let malformed {
      error = .other(message: "\(wire.message) (\(malformed))")
    }
    let verdict = RegionErrorAction(error, at: place)
    table.withLock { table in
      switch verdict.cacheUpdate {
      case .nothing: break
      case .forget: table.remove(id: place.region.id)
      case .forgetStore:
        table.remove(id: place.region.id)
        links.invalidateLeader(place.target.storeID)
      case .leader(let leader): table.setTarget(id: place.region.id, leader)
      case .turn: _ = table.turn(id: place.region.id, from: place.target)
      case .replace(let regions):
        table.remove(id: place.region.id)
        for region in regions {
          let leader = region.peer(onStore: place.target.storeID)
          guard let place = RoutedRegion(region: region, leader: leader) else { continue }
          table.put(place)
        }
      }
    }
    guard let retryReason = verdict.retryReason else {
      throw budget.final(.refused("\(error.message)"))
    }
    return retryReason
  }
}
