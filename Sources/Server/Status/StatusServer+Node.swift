import RPC
import Runtime

extension StatusServer {
  /// Starts the status server of a process: `/status`, `/metrics`, `/ready` and `routes`.
  ///
  /// - Returns: nil if `address` is nil.
  static func start(
    _ address: HostPort?, health: HealthService, runtime: ProcessRuntime,
    routes: [StatusRoute] = []
  ) async throws(StartError) -> StatusServer? {
    guard let address else { return nil }
    let metrics = runtime.metrics
    let common = [
      StatusRoute("/status") {
        StatusReply(
          contentType: "application/json",
          body: #"{"version":"\#(NodeConfiguration.storeVersion)"}"#)
      },
      MetricsPage(metrics, clock: runtime.host.clock).route,
      StatusRoute("/ready") {
        health.isServing
          ? StatusReply(body: "ready\n") : StatusReply(code: 500, body: "not ready\n")
      },
    ]
    let limit = ConnectionLimit(capacity: runtime.descriptors.statusConnections)
    limit.register(metrics, port: "status")
    do {
      return try await start(
        host: address.host, port: address.port, loop: runtime.statusGroup.next(),
        logger: runtime.logger, connections: limit, routes: common + routes)
    } catch {
      throw StartError(
        "cannot listen on status address \(address): \(error); choose another --status-addr")
    }
  }

  /// The part of TiKV's configuration that tests of clients read: how raw keys are stored; and which store has the raft
  /// log.
  static func configRoute(_ configuration: NodeConfiguration) -> StatusRoute {
    let storage = #""storage":{"api-version":1,"enable-ttl":\#(configuration.enablesTTL)}"#
    let raftstore = #""raftstore":{"log-engine":"\#(configuration.logEngine.rawValue)"}"#
    let body = "{\(storage),\(raftstore)}"
    return StatusRoute("/config") { StatusReply(contentType: "application/json", body: body) }
  }
}
