import Codec
import Engine
import PlacementDriver
import Runtime
import Synchronization
import TestSupport

/// A placement driver on a thread and a RocksDB of its own. It does nothing by itself: tests request its operators, as an
/// administrator would.
final class InProcessPD: Sendable {
  /// The connections of stores: operator steps go to the store that leads.
  private final class Connections: Sendable {
    private let transports = Mutex<[UInt64: MailboxPDTransport]>([:])

    func set(_ transport: MailboxPDTransport, _ storeID: UInt64) {
      transports.withLock { $0[storeID] = transport }
    }

    func deliver(_ steps: [RegionOperator]) {
      let transports = transports.withLock { $0 }
      for step in steps { transports[step.leader.storeID]?.deliver([step]) }
    }
  }

  let clusterID: UInt64 = 77
  private let engine: RocksEngine
  private let worker: Worker<PDMessage>
  private let ticks: any Cancellable
  private let connections: Connections

  init(host: ThreadHost, path: String, fatal: FatalReasons) throws {
    let engine = try RocksEngine(path: path, options: .small)
    let connections = Connections()
    let (config, clusterID) = (Self.config, clusterID)
    worker = host.spawn(name: "placement", capacity: 65_536) { _ in
      PDHandler(
        engine: engine, config: config, newClusterID: clusterID, clock: host.clock, metrics: nil,
        push: PDHandler.PushHandlers(
          opened: { if case .failure(let error) = $0 { fatal.add("\(error)") } },
          deliver: { connections.deliver($0) }, failed: { fatal.add("\($0)") }))
    }
    let mailbox = worker.mailbox
    ticks = host.every(.milliseconds(20)) { _ = mailbox.send(.tick) }
    self.engine = engine
    self.connections = connections
  }

  private static var config: PDConfig {
    var config = PDConfig(advertiseClientURLs: ["http://127.0.0.1:1"])
    config.maxReplicas = 5
    config.replicas.makesUpReplicas = false
    config.replicas.removesExtraReplicas = false
    config.replicas.removesDownReplicas = false
    config.replicas.replacesOfflineReplicas = false
    config.replicas.replacesForLocation = false
    config.leaderScheduleLimit = 0
    config.balanceScheduleLimit = 0
    config.storeLimit = 1_000_000
    config.warmUpTime = .milliseconds(20)
    config.takeoverDelay = .zero
    config.resendInterval = .milliseconds(100)
    config.slowStepTimeout = .seconds(3)
    config.fastStepTimeout = .seconds(2)
    return config
  }

  func stop() throws {
    ticks.cancel()
    worker.stop()
    try engine.close()
  }

  // MARK: Calls

  /// The client of a store.
  func client(storeID: UInt64) -> any PDClient {
    let transport = MailboxPDTransport(worker.mailbox)
    connections.set(transport, storeID)
    return InProcessPDClient(transport)
  }

  func call<Response: Sendable>(
    _ body: @escaping @Sendable (PDCore, ClockReading) throws(PDError) -> Response
  ) throws -> Response {
    let outcome = Outcome<Result<Response, PDError>>()
    worker.mailbox.call(body) { outcome.set($0) }
    guard let result = outcome.wait(Wait.limit) else {
      throw CheckFailure("the placement driver does not respond")
    }
    return try result.get()
  }

  func region(containing key: [UInt8]) throws -> RegionSummary? {
    try call { (core, _) throws(PDError) in try core.region(containing: key) }
  }

  /// All regions in the order of their keys.
  func regions() throws -> [RegionSummary] {
    try call { (core, _) throws(PDError) in try core.scanRegions(in: KeyRange(start: [], end: [])) }
  }

  /// Requests an operator; false if it is refused at present.
  func request(_ change: OperatorRequest.Change, regionID: UInt64) throws -> Bool {
    try call { (core, reading) throws(PDError) in
      do throws(PDError) {
        try core.createOperator(OperatorRequest(regionID: regionID, change), reading)
        return true
      } catch {
        if error.code == .unavailable { throw error }
        return false
      }
    }
  }
}

extension RocksEngineOptions {
  /// For a database of little data, of which a test has several.
  static var small: RocksEngineOptions {
    var options = RocksEngineOptions()
    options.blockCacheBytes = 4 << 20
    options.writeBufferBytes = 4 << 20
    options.maxBackgroundJobs = 1
    return options
  }
}
