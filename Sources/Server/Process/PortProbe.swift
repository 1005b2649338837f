import NIOCore
import NIOPosix

/// Tells a port that is taken before anybody is told to connect to it.
enum PortProbe {
  /// Binds and lets go. Answers the address with the port the system chose, if it was asked to.
  static func check(
    _ address: HostPort, flag: String, group: any EventLoopGroup
  ) async throws(StartError) -> HostPort {
    do {
      let channel = try await ServerBootstrap(group: group)
        .serverChannelOption(.socketOption(.so_reuseaddr), value: 1)
        .bind(host: address.host, port: address.port).get()
      let port = channel.localAddress?.port ?? address.port
      try await channel.close()
      return HostPort(host: address.host, port: port)
    } catch {
      throw StartError(
        "cannot listen on \(address): \(error); stop what uses the port or choose another \(flag)")
    }
  }
}
