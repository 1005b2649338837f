import Codec
import Engine
import Logging
import PlacementDriver
import Runtime
import Synchronization
import Wire

/// A placement driver inside this process: its worker, its ticks, its services.
final class EmbeddedPD: Sendable {
  private static let tickInterval = Duration.milliseconds(200)
  private static let mailboxCapacity = 65_536

  let service: PDService
  let http: PDHTTP
  let clusterID: UInt64
  private let worker: Worker<PDMessage>
  private let ticks: any Cancellable

  /// Opens the state in `engine` and starts.
  static func start(
    engine: any KVEngine, config: PDConfig, streams: OpenStreams,
    runtime: ProcessRuntime
  ) async throws(StartError) -> EmbeddedPD {
    let outlet = HeartbeatPushTarget()
    var spawned: Worker<PDMessage>?
    let opened = await withCheckedContinuation { continuation in
      spawned = runtime.host.spawn(name: "placement", capacity: mailboxCapacity) { _ in
        var generator = SystemRandomNumberGenerator()
        return PDHandler(
          engine: engine, config: config,
          newClusterID: UInt64.random(in: 1...UInt64(Int64.max), using: &generator),
          clock: runtime.host.clock, metrics: runtime.metrics,
          outlets: PDHandler.PushHandlers(
            opened: { continuation.resume(returning: $0) },
            deliver: { outlet.deliver($0) },
            notice: { $0.log(to: runtime.logger) },
            failed: { runtime.onFatal("the placement driver cannot write its state: \($0)") }))
      }
    }
    guard let worker = spawned else { throw StartError("the placement driver did not start") }
    switch opened {
    case .failure(let error):
      worker.stop()
      throw StartError("cannot open the placement driver's state in \(engine.path): \(error)")
    case .success(let clusterID):
      let driver = EmbeddedPD(clusterID, worker, streams, runtime)
      outlet.connect(driver.service)
      return driver
    }
  }

  private init(
    _ clusterID: UInt64, _ worker: Worker<PDMessage>, _ streams: OpenStreams,
    _ runtime: ProcessRuntime
  ) {
    self.clusterID = clusterID
    self.worker = worker
    service = PDService(mailbox: worker.mailbox, streams: streams)
    http = PDHTTP(placement: service, host: runtime.host, metrics: runtime.metrics)
    let mailbox = worker.mailbox
    ticks = runtime.host.every(Self.tickInterval) { _ = mailbox.send(.tick) }
  }

  /// Completes what is queued, then ends. Blocks.
  func stop() {
    ticks.cancel()
    worker.stop()
    http.stop()
  }

  /// A question of this process itself.
  func answer<Request: Sendable, Response: Sendable>(
    _ method: @escaping PDService.Method<Request, Response>, _ request: Request
  ) async throws(StartError) -> Response {
    let result = await withCheckedContinuation { continuation in
      service.call(method, request) { continuation.resume(returning: $0) }
    }
    do throws(PDError) {
      return try result.get()
    } catch {
      throw StartError("the placement driver refuses: \(error)")
    }
  }

  /// The header of this process's own requests.
  var header: Pdpb_RequestHeader { .with { $0.clusterID = clusterID } }
}

extension PDNotice {
  fileprivate func log(to logger: Logger) {
    switch self {
    case .refusedStaleHeartbeat(let id, let reason):
      logger.info(
        "a stale region heartbeat was refused",
        metadata: ["region": "\(id)", "reason": "\(Self.short(reason))"])
    case .replacedUnconfirmed(let old, let region, let leader, let duration):
      logger.warning(
        "what was known of regions was wrong: it gives way to a leader that no other contradicted",
        metadata: [
          "region": "\(Self.short(region))", "leader": "\(leader)", "reported for": "\(duration)",
          "replaced": "\(old.map { Self.short($0) }.joined(separator: "; "))",
        ])
    }
  }

  /// Keys may be long.
  private static func short(_ value: some CustomStringConvertible) -> String {
    let text = value.description
    return text.utf8.count <= 1024 ? text : text.prefix(1024) + "…"
  }
}

/// The receiver of PD's heartbeat responses: the service, once it exists.
private final class HeartbeatPushTarget: Sendable {
  private let service = Mutex<PDService?>(nil)

  func connect(_ service: PDService) {
    self.service.withLock { $0 = service }
  }

  func deliver(_ replies: [HeartbeatResponse]) {
    service.withLock { $0 }?.deliver(replies)
  }
}
