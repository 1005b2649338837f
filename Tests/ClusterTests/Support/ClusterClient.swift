import Codec
import Dispatch
import Engine
import PlacementDriver
import Raftstore
import Runtime
import Storage

/// A client that finds regions by the placement driver, follows the errors of stores, and tries again until it succeeds.
/// Its calls block.
final class ClusterClient {
  /// How long one attempt may take.
  private static let attemptLimit = Duration.seconds(1)

  /// Where a request is sent.
  private struct Route {
    var region: Region
    var peer: PeerInfo
  }

  private let cluster: ThreadedCluster
  private var random: SplitMix64

  init(_ cluster: ThreadedCluster, seed: UInt64 = 1) {
    self.cluster = cluster
    random = SplitMix64(seed: seed)
  }

  // MARK: Calls

  func put(_ key: String, _ value: String, cf: String = "default") throws {
    let (key, value) = (Array(key.utf8), Array(value.utf8))
    try request("put", key) { commands, context, _, done in
      commands.put(context, cf: cf, key: key, value: value, ttl: 0, done)
    }
  }

  func delete(_ key: String, cf: String = "default") throws {
    let key = Array(key.utf8)
    try request("delete", key) { commands, context, _, done in
      commands.delete(context, cf: cf, keys: [key], done)
    }
  }

  func get(_ key: String, cf: String = "default") throws -> String? {
    let key = Array(key.utf8)
    let value = try request("get", key) { commands, context, _, done in
      commands.get(context, cf: cf, key: key, on: Self.executor, done)
    }
    return value.map { String(decoding: $0, as: UTF8.self) }
  }

  /// The pairs of `[start, end)`, region by region.
  func scan(_ start: String, _ end: String) throws -> [KeyValue] {
    var pairs: [KeyValue] = []
    var position = Array(start.utf8)
    let end = Array(end.utf8)
    while position.lexicographicallyPrecedes(end) {
      let scan = RawScan(start: position, end: end, limit: 100_000)
      let (found, next) = try request("scan", position) {
        commands, context, region, done in
        commands.scan(context, cf: "default", scan, on: Self.executor) { result in
          done(result.map { ($0, region.endKey) })
        }
      }
      pairs += found
      if next.isEmpty { break }
      position = next
    }
    return pairs
  }

  /// The result of one attempt to read a key in a region, at its leader; nil if none is known or there is no response.
  func get(_ key: String, in region: Region) throws -> Result<[UInt8]?, StorageError>? {
    let known = try cluster.pd.call { (core, _) throws(PDError) in try core.region(id: region.id) }
    guard let leader = known?.leader, let commands = cluster.store(leader.storeID).current?.commands
    else { return nil }
    let context = RequestContext(regionID: region.id, epoch: region.epoch, peer: leader)
    let outcome = Outcome<Result<[UInt8]?, StorageError>>()
    commands.get(context, cf: "default", key: Array(key.utf8), on: Self.executor) {
      outcome.set($0)
    }
    return outcome.wait(Self.attemptLimit)
  }

  // MARK: Attempts

  private static let executor: StorageExecutor = { work in
    DispatchQueue.global().async(execute: work)
  }

  private func request<T: Sendable>(
    _ what: String, _ key: [UInt8],
    _ body: (
      RawCommands, RequestContext, Region, @escaping @Sendable (Result<T, StorageError>) -> Void
    ) -> Void
  ) throws -> T {
    let end = Wait.now + Wait.limit
    var hint: Route?
    var last = "no region is known"
    while Wait.now < end {
      if let route = try hint ?? lookUp(key),
        let commands = cluster.store(route.peer.storeID).current?.commands
      {
        let context = RequestContext(
          regionID: route.region.id, epoch: route.region.epoch, peer: route.peer)
        let outcome = Outcome<Result<T, StorageError>>()
        body(commands, context, route.region) { outcome.set($0) }
        switch outcome.wait(Self.attemptLimit) {
        case .success(let value): return value
        case .failure(.refused(let reason)): throw CheckFailure("\(what) is refused: \(reason)")
        case .failure(let error):
          last = "\(error) from \(route.peer) of \(route.region)"
          hint = next(route, error, key)
        case nil:
          last = "no response from \(route.peer) of \(route.region)"
          hint = nil
        }
      } else {
        hint = nil
      }
      Wait.pause(.milliseconds(10))
    }
    throw CheckFailure("\(what) of \(String(decoding: key, as: UTF8.self)): \(last)")
  }

  /// The region by the placement driver: its leader as it is known there or, since that may be cut off, any peer.
  private func lookUp(_ key: [UInt8]) throws -> Route? {
    guard let found = try cluster.pd.region(containing: key) else { return nil }
    let isGuess = random.next() % 4 == 0
    let other = found.region.peers.randomElement(using: &random)
    guard let peer = isGuess ? other : found.leader ?? other else { return nil }
    return Route(region: found.region, peer: peer)
  }

  /// Where the error says that the request should go; nil if it does not.
  private func next(_ route: Route, _ error: StorageError, _ key: [UInt8]) -> Route? {
    switch error {
    case .region(.notLeader(_, let leader?)):
      return Route(region: route.region, peer: leader)
    case .region(.epochNotMatch(let regions)):
      guard let region = regions.first(where: { $0.contains(key) }),
        let peer = region.peer(onStore: route.peer.storeID)
      else { return nil }
      return Route(region: region, peer: peer)
    default: return nil
    }
  }
}
