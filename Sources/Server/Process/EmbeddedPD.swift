import Codec
import Engine
import Logging
import PlacementDriver
import Runtime
import Synchronization

/// PD inside this process: its worker, its ticks, its services.
final class EmbeddedPD: Sendable {
  private static let tickInterval = Duration.milliseconds(200)
  private static let mailboxCapacity = 65_536
  private static let timestampCapacity = 65_536

  let service: PDService
  let http: PDHTTP
  /// PD as this process itself sees it.
  let client: any PDClient
  let clusterID: UInt64
  private let worker: Worker<PDMessage>
  private let timestamps: Worker<TimestampRequest>
  private let ticks: any Cancellable

  /// Opens the state in `engine` and starts.
  static func start(
    engine: any KVEngine, config: PDConfig, streams: OpenStreams,
    runtime: ProcessRuntime
  ) async throws(StartError) -> EmbeddedPD {
    let pushTarget = PushTarget()
    var spawned: Worker<PDMessage>?
    let opened = await withCheckedContinuation { continuation in
      spawned = runtime.host.spawn(name: "placement", capacity: mailboxCapacity) { _ in
        var generator = SystemRandomNumberGenerator()
        return PDHandler(
          engine: engine, config: config,
          newClusterID: UInt64.random(in: 1...UInt64(Int64.max), using: &generator),
          clock: runtime.host.clock, metrics: runtime.metrics,
          push: PDHandler.PushHandlers(
            opened: { continuation.resume(returning: $0) },
            deliver: { pushTarget.deliver($0) },
            notice: { $0.log(to: runtime.logger) },
            failed: { runtime.onFatal("the placement driver cannot write its state: \($0)") }))
      }
    }
    guard let worker = spawned else { throw StartError("the placement driver did not start") }
    switch opened {
    case .failure(let error):
      worker.stop()
      throw StartError("cannot open the placement driver's state in \(engine.path): \(error)")
    case .success(let opened):
      let transport = MailboxPDTransport(worker.mailbox)
      let pd = EmbeddedPD(opened, worker, transport, streams, runtime)
      pushTarget.connect(pd.service, transport)
      return pd
    }
  }

  private init(
    _ opened: OpenedPD, _ worker: Worker<PDMessage>, _ transport: MailboxPDTransport,
    _ streams: OpenStreams, _ runtime: ProcessRuntime
  ) {
    clusterID = opened.clusterID
    self.worker = worker
    client = InProcessPDClient(transport)
    let (clock, onFatal) = (runtime.host.clock, runtime.onFatal)
    timestamps = runtime.host.spawn(name: "tso", capacity: Self.timestampCapacity) { _ in
      TimestampHandler(opened.timestamps, clock: clock) {
        onFatal("the placement driver cannot write its state: \($0)")
      }
    }
    service = PDService(
      mailbox: worker.mailbox, timestamps: timestamps.mailbox, clusterID: clusterID,
      streams: streams, host: runtime.host)
    http = PDHTTP(pd: service, host: runtime.host, metrics: runtime.metrics)
    let mailbox = worker.mailbox
    ticks = runtime.host.every(Self.tickInterval) { _ = mailbox.send(.tick) }
  }

  /// Completes what is queued, then ends. Blocks.
  func stop() {
    ticks.cancel()
    timestamps.stop()
    worker.stop()
    http.stop()
  }
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

/// The receivers of the operator steps that PD sends without a report, once they exist.
private final class PushTarget: Sendable {
  private let targets = Mutex<(service: PDService, transport: MailboxPDTransport)?>(nil)

  func connect(_ service: PDService, _ transport: MailboxPDTransport) {
    targets.withLock { $0 = (service, transport) }
  }

  func deliver(_ steps: [RegionOperator]) {
    guard let targets = targets.withLock({ $0 }) else { return }
    targets.service.deliver(steps)
    targets.transport.deliver(steps)
  }
}
