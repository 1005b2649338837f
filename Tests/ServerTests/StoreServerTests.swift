import Codec
import NIOCore
import NIOPosix
import Raftstore
import Runtime
import Server
import TestSupport
import Testing
import Wire

/// Three stores and a placement driver in this process, over real sockets and disks.
struct StoreServerTests {
  @Test(
    "Three stores replicate, and nothing is lost when the leader stops", .timeLimit(.minutes(2)))
  func threeStores() async throws {
    let scratch = try TemporaryDirectory("server")
    var driverConfiguration = PDConfiguration()
    driverConfiguration.address = HostPort(host: "127.0.0.1", port: 0)
    driverConfiguration.dataDirectory = scratch.path + "/pd"
    let driver = try await PDServer.start(
      driverConfiguration, logger: quiet
    ) { _ in }
    let stores = try await start(3, in: scratch.path, driver.address)
    #expect(Set(stores.map(\.storeID)).count == 3)
    let placement = RawCaller(driver.address)

    try await eventually { @Sendable in
      stores.allSatisfy { $0.store.meta.regions.first?.peers.count == 3 }
    }
    for key in 0..<50 as Range<UInt8> { try await put([key], [key], placement, stores) }

    let (_, leader) = try await placement.context()
    let leaving = try #require(stores.first { $0.storeID == leader })
    await leaving.stop()
    let staying = stores.filter { $0.storeID != leader }
    try await put([200], [1], placement, staying)
    for key in 0..<50 as Range<UInt8> {
      #expect(try await get([key], placement, staying) == [key])
    }
    placement.close()
    for store in staying { await store.stop() }
    await driver.stop()
  }

  private func start(
    _ count: Int, in path: String, _ driver: HostPort
  ) async throws -> [StoreServer] {
    var stores: [StoreServer] = []
    for number in 1...count {
      var configuration = NodeConfiguration.test(path + "/store-\(number)")
      configuration.pdEndpoints = [driver]
      stores.append(try await StoreServer.start(configuration, logger: quiet) { _ in })
    }
    return stores
  }

  private func put(
    _ key: [UInt8], _ value: [UInt8], _ placement: RawCaller, _ stores: [StoreServer]
  ) async throws {
    try await atLeader(placement, stores) { caller, context in
      let response = try await caller.put(key, value, context)
      return response.hasRegionError ? nil : response.error
    }
  }

  private func get(
    _ key: [UInt8], _ placement: RawCaller, _ stores: [StoreServer]
  ) async throws -> [UInt8] {
    try await atLeader(placement, stores) { caller, context in
      let response = try await caller.get(key, context)
      return response.hasRegionError ? nil : [UInt8](response.value)
    }
  }

  /// Repeats until a leader responses something but "not here", or the patience ends.
  @discardableResult
  private func atLeader<T>(
    _ placement: RawCaller, _ stores: [StoreServer],
    _ body: (RawCaller, Kvrpcpb_Context) async throws -> T?
  ) async throws -> T {
    let clock = SystemClock()
    let deadline = clock.now + .seconds(20)
    while clock.now < deadline {
      let (context, leader) = try await placement.context()
      if let store = stores.first(where: { $0.storeID == leader }) {
        let caller = RawCaller(store.address)
        defer { caller.close() }
        if let response = try await body(caller, context) { return response }
      }
      await pause()
    }
    throw TimedOut()
  }

  private func eventually(_ condition: @Sendable () -> Bool) async throws {
    let clock = SystemClock()
    let deadline = clock.now + .seconds(30)
    while !condition() {
      guard clock.now < deadline else { throw TimedOut() }
      await pause()
    }
  }

  /// Between two looks.
  private func pause() async {
    await withCheckedContinuation { continuation in
      MultiThreadedEventLoopGroup.singleton.next().scheduleTask(in: .milliseconds(20)) {
        continuation.resume()
      }
    }
  }

  private struct TimedOut: Error {}
}
