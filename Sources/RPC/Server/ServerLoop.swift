import Logging
import NIOCore
import NIOSSL

/// One event loop's share of a server: its outbox and its connections.
// @unchecked: `connections`, `plain` and `whenEmpty` are read and written on the outbox's event loop only.
final class ServerLoop: @unchecked Sendable {
  let outbox: LoopOutbox
  private var connections: [ObjectIdentifier: ServerConnection] = [:]
  /// Connections that do not speak HTTP/2, or not yet.
  private var plain: [ObjectIdentifier: any PlainConnection] = [:]
  private var whenEmpty: EventLoopPromise<Void>?
  private var isDraining = false

  init(eventLoop: any EventLoop) {
    outbox = LoopOutbox(eventLoop: eventLoop)
  }

  /// Sets up an accepted socket.
  func accept(
    _ channel: any Channel, methods: MethodTable, configuration: ServerConfiguration,
    tls: NIOSSLContext?, logger: Logger
  ) throws {
    guard !isDraining else { throw RPCStatus(.unavailable, "the server is shutting down") }
    if let tls {
      try channel.pipeline.syncOperations.addHandler(NIOSSLServerHandler(context: tls))
    } else if let http = configuration.http {
      return try detect(channel, http) {
        try self.serve(channel, methods: methods, configuration: configuration, logger: logger)
      }
    }
    try serve(channel, methods: methods, configuration: configuration, logger: logger)
  }

  /// Serves HTTP/2.
  private func serve(
    _ channel: any Channel, methods: MethodTable, configuration: ServerConfiguration,
    logger: Logger
  ) throws {
    let connection = try ServerConnection(
      methods: methods, configuration: configuration, outbox: outbox, logger: logger
    ) { [weak self] in self?.ended($0) }
    try channel.pipeline.syncOperations.addHandler(connection)
    if !connection.isClosed { connections[ObjectIdentifier(connection)] = connection }
  }

  /// Serves what the client turns out to speak.
  private func detect(
    _ channel: any Channel, _ http: HTTPService, serveHTTP2: @escaping () throws -> Void
  ) throws {
    let name = ObjectIdentifier(channel)
    let detector = ProtocolDetector(timeout: http.limits.requestTimeout) { isHTTP2 in
      if isHTTP2 {
        try serveHTTP2()
        self.plain[name] = nil
      } else {
        self.plain[name] = try HTTP1Handler.install(on: channel, http)
      }
    }
    try channel.pipeline.syncOperations.addHandler(detector)
    plain[name] = detector
    channel.closeFuture.assumeIsolated().whenComplete { _ in
      self.plain[name] = nil
      self.noteEnd()
    }
  }

  private func ended(_ connection: ServerConnection) {
    connections[ObjectIdentifier(connection)] = nil
    noteEnd()
  }

  private var isEmpty: Bool { connections.isEmpty && plain.isEmpty }

  private func noteEnd() {
    if isEmpty { whenEmpty.take()?.succeed() }
  }

  /// Asks all clients to open no more calls; done when the last connection is closed.
  func drain() -> EventLoopFuture<Void> {
    outbox.eventLoop.flatSubmit {
      self.isDraining = true
      guard !self.isEmpty else {
        return self.outbox.eventLoop.makeSucceededVoidFuture()
      }
      for connection in self.connections.values { connection.drain() }
      for connection in self.plain.values { connection.drain() }
      if let promise = self.whenEmpty { return promise.futureResult }
      let promise = self.outbox.eventLoop.makePromise(of: Void.self)
      self.whenEmpty = promise
      return promise.futureResult
    }
  }

  /// Closes what is still there.
  func closeAll() -> EventLoopFuture<Void> {
    outbox.eventLoop.submit {
      for connection in self.connections.values {
        connection.close(RPCStatus(.unavailable, "the server has shut down"))
      }
      for connection in self.plain.values { connection.close() }
    }
  }
}
