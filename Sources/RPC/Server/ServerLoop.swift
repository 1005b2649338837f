import Logging
import NIOCore
import NIOSSL

/// One event loop's share of a server: its outbox and its connections.
// @unchecked: `connections` and `whenEmpty` are read and written on the outbox's event loop only.
final class ServerLoop: @unchecked Sendable {
  let outbox: LoopOutbox
  private var connections: [ObjectIdentifier: ServerConnection] = [:]
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
    let connection = try ServerConnection(
      methods: methods, configuration: configuration, outbox: outbox, logger: logger
    ) { [weak self] in self?.ended($0) }
    if let tls {
      try channel.pipeline.syncOperations.addHandler(NIOSSLServerHandler(context: tls))
    }
    try channel.pipeline.syncOperations.addHandler(connection)
    if !connection.isClosed { connections[ObjectIdentifier(connection)] = connection }
  }

  private func ended(_ connection: ServerConnection) {
    connections[ObjectIdentifier(connection)] = nil
    if connections.isEmpty { whenEmpty.take()?.succeed() }
  }

  /// Asks all clients to leave; done when the last has.
  func drain() -> EventLoopFuture<Void> {
    outbox.eventLoop.flatSubmit {
      self.isDraining = true
      guard !self.connections.isEmpty else {
        return self.outbox.eventLoop.makeSucceededVoidFuture()
      }
      for connection in self.connections.values { connection.drain() }
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
    }
  }
}
