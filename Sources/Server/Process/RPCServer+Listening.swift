import RPC
import Runtime

extension RPCServer {
  /// Starts an RPC server with the limits and metrics of a process.
  ///
  /// - Parameters:
  ///   - security: nil for plain text.
  ///   - http: HTTP/1.1 service on the same port; nil for none.
  static func listen(
    on address: HostPort, router: MethodRouter, security: SecurityConfiguration?,
    runtime: ProcessRuntime, http: HTTPService? = nil
  ) async throws(StartError) -> RPCServer {
    var router = router
    if router.observer == nil {
      let metrics = RequestMetrics(runtime.metrics, paths: router.paths)
      router.observer = { metrics.observe($0, $1, $2) }
    }
    var configuration = ServerConfiguration(host: address.host, port: address.port)
    if runtime.raftGroup !== runtime.group { configuration.priority.loop = runtime.raftGroup.any() }
    configuration.connectionLimit = ConnectionLimit(capacity: runtime.descriptors.connections)
    configuration.connectionLimit.register(runtime.metrics, port: "rpc")
    configuration.http = http
    configuration.memory.budget = runtime.clientBytes
    configuration.priority.budget = runtime.raftBytes
    if let security {
      configuration.tls = ServerTLS(
        certificatePath: security.certificatePath, keyPath: security.keyPath,
        clientCAPath: security.caPath)
    }
    let server = RPCServer(
      group: runtime.group, configuration: configuration, router: router, logger: runtime.logger)
    do throws(RPCStatus) {
      _ = try await server.start()
      return server
    } catch {
      throw StartError("cannot serve on \(address): \(error.message)")
    }
  }
}

extension ConnectionLimit {
  /// Registers the metrics of a port's connections.
  func register(_ metrics: Metrics, port: String) {
    let labels = [("port", port)]
    metrics.gauge("apus_connections", "Connections accepted and open.", labels: labels) {
      Int64(self.open)
    }
    metrics.gauge("apus_connections_max", "Connections a port may have.", labels: labels) {
      Int64(self.capacity)
    }
    metrics.gauge("apus_accept_paused", "1 while new connections wait.", labels: labels) {
      self.isPaused ? 1 : 0
    }
    metrics.counter(
      "apus_accept_pauses_total", "Times accepting was paused.", labels: labels
    ) { Double(self.pauses) }
  }
}
