import RPC
import Runtime

extension RPCServer {
  /// Starts a server for one of our processes.
  static func listen(
    on address: HostPort, router: MethodRouter, security: SecurityConfiguration?,
    runtime: ProcessRuntime
  ) async throws(StartError) -> RPCServer {
    var router = router
    if router.observer == nil {
      let metrics = RequestMetrics(runtime.metrics, paths: router.paths)
      router.observer = { metrics.observe($0, $1, $2) }
    }
    var configuration = ServerConfiguration(host: address.host, port: address.port)
    if runtime.raftGroup !== runtime.group { configuration.priorityLoop = runtime.raftGroup.any() }
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
