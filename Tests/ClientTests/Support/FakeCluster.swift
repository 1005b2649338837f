import Codec
import Logging
import NIOCore
import NIOPosix
import RPC
import Runtime
import Synchronization
import Wire

@testable import Client

/// Placement drivers and stores on real sockets over one shared model. Stores check requests as a real store
/// does; other errors are scripted.
final class FakeCluster: Sendable {
  struct Model: Sendable {
    var clusterID: UInt64 = 7
    /// The regions of the stores, sorted and without gaps.
    var regions: [Region] = []
    /// The store of each region's leader; none during an election.
    var leaders: [UInt64: UInt64] = [:]
    /// The placement driver's view where it differs from `regions` and `leaders`.
    var pdView: (regions: [Region], leaders: [UInt64: UInt64])?
    var storePorts: [UInt64: Int] = [:]
    var pdPorts: [Int] = []
    var data: [[UInt8]: [UInt8]] = [:]
    /// Region errors of the next KV calls, one for each call.
    var script: [RegionError] = []
    /// The number of next KV calls that get no response.
    var callsWithoutResponse = 0
    /// Whether such a call is executed nevertheless.
    var executesCallsWithoutResponse = false
    /// The error text of RawGet responses.
    var refusal = ""
    var calls: [Call] = []
    var tso: Int64 = 0
  }

  struct Call: Sendable, Equatable {
    var store: UInt64
    var method: String
    var region: UInt64
  }

  let model = Mutex(Model())
  private let servers = Mutex<[String: RPCServer]>([:])
  /// Ports of stopped servers: no concurrent test may get them.
  private let held = Mutex<[HeldPort]>([])
  private static var logger: Logger { Logger(label: "test") { _ in SwiftLogNoOpLogHandler() } }
  static var group: MultiThreadedEventLoopGroup { .singleton }

  /// Regions split at `keys`, each on all of `stores` stores, led by store 1.
  static func start(splitAt keys: [String] = [], stores: Int = 3, pds: Int = 1) async throws
    -> FakeCluster
  {
    let cluster = FakeCluster()
    let bounds = [[]] + keys.map { Array($0.utf8) } + [[]]
    cluster.model.withLock { model in
      for index in 0..<bounds.count - 1 {
        let id = UInt64(10 * (index + 1))
        let peers = (1...stores).map { PeerInfo(id: id + UInt64($0), storeID: UInt64($0)) }
        model.regions.append(
          Region(
            id: id, startKey: bounds[index], endKey: bounds[index + 1],
            epoch: RegionEpoch(confVersion: 1, version: 5), peers: peers))
        model.leaders[id] = 1
      }
    }
    for store in 1...stores { try await cluster.startStore(UInt64(store)) }
    for _ in 0..<pds { try await cluster.startPD() }
    return cluster
  }

  static func run(
    splitAt keys: [String] = [], stores: Int = 3, pds: Int = 1, options: ClientOptions = quick,
    time: ClientTime = .system,
    _ body: (FakeCluster, ApusClient) async throws -> Void
  ) async throws {
    let cluster = try await start(splitAt: keys, stores: stores, pds: pds)
    do {
      let client = try await ApusClient.connect(
        to: cluster.endpoints, options: options, group: group, time: time)
      defer { client.close() }
      try await body(cluster, client)
    } catch {
      await cluster.stop()
      throw error
    }
    await cluster.stop()
  }

  static var quick: ClientOptions {
    var options = ClientOptions()
    options.timeout = .seconds(10)
    options.attemptTimeout = .seconds(5)
    // Beside simulations a test may wait seconds for a thread.
    options.linkTimeout = .seconds(10)
    return options
  }

  var endpoints: [String] { model.withLock { $0.pdPorts.map { "127.0.0.1:\($0)" } } }

  private func serve(_ name: String, port: Int, _ router: MethodRouter) async throws -> Int {
    let server = RPCServer(
      group: Self.group, configuration: ServerConfiguration(port: port), router: router,
      logger: Self.logger)
    let address = try await server.start()
    servers.withLock { $0[name] = server }
    return address.port ?? 0
  }

  func startStore(_ id: UInt64) async throws {
    let port = try await serve(
      "store \(id)", port: 0, FakeStore(cluster: self, id: id).router)
    model.withLock { $0.storePorts[id] = port }
  }

  private func startPD() async throws {
    let index = model.withLock { $0.pdPorts.count }
    let port = try await serve("pd \(index)", port: 0, FakePD(cluster: self).router)
    model.withLock { $0.pdPorts.append(port) }
  }

  func stopStore(_ id: UInt64) async {
    await stop("store \(id)")
    hold(model.withLock { $0.storePorts[id] })
  }

  func stopPD(_ index: Int) async {
    await stop("pd \(index)")
    hold(model.withLock { $0.pdPorts[index] })
  }

  private func hold(_ port: Int?) {
    guard let port, let port = HeldPort(port) else { return }
    held.withLock { $0.append(port) }
  }

  private func stop(_ name: String) async {
    let server = servers.withLock { $0.removeValue(forKey: name) }
    await server?.shutdown(gracePeriod: .milliseconds(1))
  }

  func stop() async {
    for name in servers.withLock({ Array($0.keys) }) { await stop(name) }
  }

  // MARK: What tests do and see

  func lead(_ region: UInt64, by store: UInt64?) {
    model.withLock { $0.leaders[region] = store }
  }

  /// From now on the placement driver tells what is true now, whatever becomes true later.
  func freezePlacement() {
    model.withLock { $0.pdView = ($0.regions, $0.leaders) }
  }

  func script(_ errors: RegionError...) { model.withLock { $0.script += errors } }

  /// The KV calls since the last time.
  func takeCalls() -> [Call] {
    model.withLock { model in
      defer { model.calls = [] }
      return model.calls
    }
  }

  func fill(_ keys: [String]) {
    model.withLock { model in
      for key in keys { model.data[Array(key.utf8)] = Array("v-\(key)".utf8) }
    }
  }

  /// Splits the region that contains `key` at it; the left part keeps the id.
  func split(at key: String, newID: UInt64) {
    let key = Array(key.utf8)
    model.withLock { model in
      guard let index = model.regions.firstIndex(where: { $0.contains(key) }) else { return }
      var left = model.regions[index]
      var right = left
      left.endKey = key
      left.epoch.version += 1
      right.id = newID
      right.startKey = key
      right.epoch.version += 1
      right.peers = left.peers.map { PeerInfo(id: newID + $0.storeID, storeID: $0.storeID) }
      model.regions.replaceSubrange(index...index, with: [left, right])
      model.leaders[newID] = model.leaders[left.id]
    }
  }
}
