import Logging
import NIOCore
import NIOPosix
import Synchronization

/// Serves connections that clients marked as having priority on an event loop of their own, where no other
/// client's request can delay them.
final class PriorityConnections: Sendable {
  private let loop: ServerLoop
  private let methods: MethodTable
  private let configuration: ServerConfiguration
  private let logger: Logger
  private let count = Atomic(0)

  init(
    loop: ServerLoop, methods: MethodTable, configuration: ServerConfiguration, logger: Logger
  ) {
    self.loop = loop
    self.methods = methods
    self.configuration = Self.counting(configuration)
    self.logger = logger
  }

  /// Their bytes count apart from those of other connections.
  private static func counting(_ shared: ServerConfiguration) -> ServerConfiguration {
    var configuration = shared
    configuration.memory.budget = shared.priority.budget
    return configuration
  }

  /// Takes over a connected socket, of which `read` was read already. False: it is still the caller's.
  func take(_ socket: NIOBSDSocket.Handle, _ read: ByteBuffer) -> Bool {
    guard count.add(1, ordering: .relaxed).newValue <= configuration.priority.maxConnections
    else {
      count.subtract(1, ordering: .relaxed)
      return false
    }
    let (loop, methods, configuration, logger) = (loop, methods, configuration, logger)
    ClientBootstrap(group: loop.outbox.eventLoop)
      .channelOption(.socketOption(.tcp_nodelay), value: 1)
      .channelOption(.writeBufferWaterMark, value: .init(low: 256 << 10, high: 1 << 20))
      .channelOption(
        .recvAllocator,
        value: AdaptiveRecvByteBufferAllocator(minimum: 4096, initial: 16384, maximum: 256 << 10)
      )
      .channelInitializer { channel in
        channel.eventLoop.makeCompletedFuture {
          try channel.pipeline.syncOperations.addHandler(ReplayHandler(read))
          try loop.accept(
            channel, methods: methods, configuration: configuration, tls: nil, logger: logger)
        }
      }
      .withConnectedSocket(socket)
      .whenComplete { result in
        switch result {
        case .success(let channel):
          channel.closeFuture.whenComplete { _ in self.count.subtract(1, ordering: .relaxed) }
        case .failure(let error):
          self.count.subtract(1, ordering: .relaxed)
          self.logger.debug(
            "a connection could not be moved", metadata: ["error": "\(error)"])
        }
      }
    return true
  }
}
