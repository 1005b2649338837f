package import Logging
package import NIOCore
import NIOPosix
import NIOSSL
import Synchronization

/// A gRPC server on one listening socket.
package final class RPCServer: Sendable {
  private let group: any EventLoopGroup
  private let configuration: ServerConfiguration
  private let methods: MethodTable
  private let logger: Logger
  private let loops: [ObjectIdentifier: ServerLoop]
  private let priority: PriorityConnections?
  /// What closing may take beyond the grace period (TLS sends close_notify and waits for the peer's).
  private static let closingTime = TimeAmount.seconds(6)
  let listener = Mutex<Listener?>(nil)

  /// Connections are spread over the loops of `group`, which outlives the server.
  package init(
    group: any EventLoopGroup, configuration: ServerConfiguration, router: MethodRouter,
    logger: Logger
  ) {
    self.group = group
    self.configuration = configuration
    self.logger = logger
    methods = MethodTable(router)
    var loops: [ObjectIdentifier: ServerLoop] = [:]
    for eventLoop in group.makeIterator() {
      loops[ObjectIdentifier(eventLoop)] = ServerLoop(eventLoop: eventLoop)
    }
    if let eventLoop = configuration.priority.loop {
      let loop = ServerLoop(eventLoop: eventLoop)
      loops[ObjectIdentifier(eventLoop)] = loop
      priority = PriorityConnections(
        loop: loop, methods: methods, configuration: configuration, logger: logger)
    } else {
      priority = nil
    }
    self.loops = loops
  }

  /// Binds and listens; returns the address, with the port the system chose if it was asked to.
  package func start() async throws(RPCStatus) -> SocketAddress {
    let tls = try configuration.tls.map { tls throws(RPCStatus) in try tls.context() }
    do {
      let listener = try await Listener.open(
        host: configuration.host, port: configuration.port, group: group, logger: logger
      ) { self.bootstrap(tls) }
      self.listener.withLock { $0 = listener }
      return listener.address
    } catch let status as RPCStatus {
      throw status
    } catch {
      throw RPCStatus(
        .unavailable, "cannot listen on \(configuration.host):\(configuration.port): \(error)")
    }
  }

  private func bootstrap(_ tls: NIOSSLContext?) -> ServerBootstrap {
    let (configuration, methods, loops, logger) = (configuration, methods, loops, logger)
    // Behind TLS a connection's first frame can be read, but its session cannot be moved.
    let priority = tls == nil ? priority : nil
    return ServerBootstrap(group: group)
      .serverChannelOption(.backlog, value: Int32(configuration.backlog))
      .serverChannelOption(.socketOption(.so_reuseaddr), value: 1)
      .serverChannelOption(.maxMessagesPerRead, value: 1)
      .serverChannelInitializer { channel in
        channel.eventLoop.makeCompletedFuture {
          try channel.closeOnExec()
          let handler = AcceptPauseHandler(limit: configuration.connectionLimit, logger: logger)
          try channel.pipeline.syncOperations.addHandler(handler)
        }
      }
      .childChannelOption(.socketOption(.tcp_nodelay), value: 1)
      .childChannelOption(
        .writeBufferWaterMark, value: .init(low: 256 << 10, high: 1 << 20)
      )
      .childChannelOption(
        .recvAllocator,
        // What is read at once is handled at once, while all other connections of the loop wait.
        value: AdaptiveRecvByteBufferAllocator(minimum: 4096, initial: 16384, maximum: 64 << 10)
      )
      .childChannelOption(.maxMessagesPerRead, value: 1)
      .childChannelInitializer { channel in
        channel.eventLoop.makeCompletedFuture {
          try channel.closeOnExec()
          guard let loop = loops[ObjectIdentifier(channel.eventLoop)] else {
            throw RPCStatus(.internal, "accepted on a foreign event loop")
          }
          let serve: (any Channel) throws -> Void = { channel in
            try loop.accept(
              channel, methods: methods, configuration: configuration, tls: tls, logger: logger)
          }
          guard let priority else { return try serve(channel) }
          try channel.pipeline.syncOperations.addHandler(
            PriorityDetector(serve: serve, move: priority.take))
        }
      }
  }

  /// Stops listening, sends GOAWAY to clients, lets calls under way end, and after
  /// `gracePeriod` closes what is left.
  package func shutdown(gracePeriod: TimeAmount = .seconds(5)) async {
    if let listener = listener.withLock({ $0.take() }) { await settle(listener.close()) }
    let anyLoop = group.next()
    let drained = EventLoopFuture.andAllComplete(loops.values.map { $0.drain() }, on: anyLoop)
    let done = anyLoop.makePromise(of: Void.self)
    drained.cascade(to: done)
    let alarm = anyLoop.scheduleTask(in: gracePeriod) { [loops] in
      for loop in loops.values { _ = loop.closeAll() }
    }
    // A socket that does not close must not keep the process from ending.
    let lastAlarm = anyLoop.scheduleTask(in: gracePeriod + Self.closingTime) { done.succeed() }
    await settle(done.futureResult)
    alarm.cancel()
    lastAlarm.cancel()
  }

  /// Waits for the end of `future`; how it ends is of no consequence here.
  private func settle(_ future: EventLoopFuture<Void>) async {
    await withCheckedContinuation { (continuation: CheckedContinuation<Void, Never>) in
      future.whenComplete { result in
        if case .failure(let error) = result {
          self.logger.debug("shutting down", metadata: ["error": "\(error)"])
        }
        continuation.resume()
      }
    }
  }
}
