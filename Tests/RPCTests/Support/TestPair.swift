import Logging
import NIOCore
import NIOPosix

@testable import RPC

/// A server on a free port and a channel to it.
struct TestPair {
  let server: RPCServer
  let channel: RPCChannel
  let address: SocketAddress

  static var group: MultiThreadedEventLoopGroup { .singleton }
  static var logger: Logger { Logger(label: "test") { _ in SwiftLogNoOpLogHandler() } }

  /// - Parameter loops: the server's.
  static func make(
    _ router: MethodRouter, server configuration: ServerConfiguration = ServerConfiguration(),
    client: ClientConfiguration = ClientConfiguration(),
    loops: MultiThreadedEventLoopGroup = Self.group
  ) async throws -> TestPair {
    let server = RPCServer(
      group: loops, configuration: patient(configuration), router: router, logger: logger)
    let address = try await server.start()
    return TestPair(
      server: server, channel: makeChannel(port: address.port ?? 0, client), address: address)
  }

  /// On a busy machine a test's peer may take longer than any client: the limits of time count only where a
  /// test has set them.
  private static func patient(_ configuration: ServerConfiguration) -> ServerConfiguration {
    var configuration = configuration
    guard configuration.handshakeTimeout == ServerConfiguration().handshakeTimeout else {
      return configuration
    }
    configuration.handshakeTimeout = .minutes(5)
    if configuration.keepalive?.interval == ServerConfiguration().keepalive?.interval {
      configuration.keepalive = nil
    }
    return configuration
  }

  static func makeChannel(
    port: Int, _ configuration: ClientConfiguration = ClientConfiguration()
  ) -> RPCChannel {
    var configuration = configuration
    // On a busy machine even loopback may take its time.
    if configuration.connectTimeout >= .seconds(1) { configuration.connectTimeout = .seconds(20) }
    return RPCChannel(
      target: RPCTarget(host: "127.0.0.1", port: port), group: group, configuration: configuration,
      logger: logger)
  }

  static func run(
    _ router: MethodRouter, server configuration: ServerConfiguration = ServerConfiguration(),
    client: ClientConfiguration = ClientConfiguration(),
    loops: MultiThreadedEventLoopGroup = Self.group,
    _ body: (TestPair) async throws -> Void
  ) async throws {
    let pair = try await make(router, server: configuration, client: client, loops: loops)
    do {
      try await body(pair)
    } catch {
      await pair.stop()
      throw error
    }
    await pair.stop()
  }

  func stop() async {
    channel.close()
    await server.shutdown(gracePeriod: .seconds(1))
  }
}

extension HTTPService.Limits {
  /// Limits of time that no test on a busy machine reaches; those of size are the defaults.
  static var patient: HTTPService.Limits {
    var limits = HTTPService.Limits()
    limits.requestTimeout = .minutes(5)
    limits.replyTimeout = .minutes(5)
    limits.idleTimeout = .minutes(5)
    limits.lingerTimeout = .minutes(5)
    return limits
  }
}
