package import NIOCore
import NIOPosix

/// Detects a port that is in use before clients are directed to it.
package enum PortProbe {
  /// Below the range of ephemeral ports, so that the system does not assign a port of these to another socket
  /// between the probe and the server's start.
  private static let candidates = 10_000..<32_768
  private static let attempts = 100

  /// Binds the address and closes the socket again.
  ///
  /// - Parameters:
  ///   - address: port 0 stands for any free port.
  ///   - flag: the flag that sets the address, for the error.
  /// - Returns: the address, with a free port in place of 0.
  package static func check(
    _ address: HostPort, flag: String, group: any EventLoopGroup
  ) async throws(StartError) -> HostPort {
    guard address.port == 0 else {
      try await bind(address, flag, group)
      return address
    }
    var failure: StartError?
    for _ in 0..<attempts {
      let candidate = HostPort(host: address.host, port: Int.random(in: candidates))
      do throws(StartError) {
        try await bind(candidate, flag, group)
        return candidate
      } catch {
        failure = error
      }
    }
    throw failure ?? StartError("no free port on \(address.host)")
  }

  /// Returns `count` different ports of `host` that are free.
  package static func free(_ count: Int, on host: String) async throws(StartError) -> [Int] {
    var ports: [Int] = []
    while ports.count < count {
      let found = try await check(
        HostPort(host: host, port: 0), flag: "", group: MultiThreadedEventLoopGroup.singleton)
      if !ports.contains(found.port) { ports.append(found.port) }
    }
    return ports
  }

  private static func bind(
    _ address: HostPort, _ flag: String, _ group: any EventLoopGroup
  ) async throws(StartError) {
    do {
      let channel = try await ServerBootstrap(group: group)
        .serverChannelOption(.socketOption(.so_reuseaddr), value: 1)
        .bind(host: address.host, port: address.port).get()
      try await channel.close()
    } catch {
      throw StartError(
        "cannot listen on \(address): \(error); stop what uses the port or choose another \(flag)")
    }
  }
}
