package import Logging
package import NIOCore
package import SwiftProtobuf

/// A client's way to one server: one connection, recreated whenever it is lost.
///
/// All of a channel's callbacks run on its one event loop; its methods may be called from any thread.
package final class RPCChannel: Sendable {
  /// Takes the response of a unary call, exactly once, on the event loop.
  package typealias Completion = @Sendable (Result<ByteBuffer, RPCStatus>) -> Void

  private let core: ChannelCore

  /// The channel lives on one loop of `group`, which outlives it. Nothing is connected yet.
  package init(
    target: RPCTarget, group: any EventLoopGroup,
    configuration: ClientConfiguration = ClientConfiguration(),
    random: any RandomNumberGenerator & Sendable = SystemRandomNumberGenerator(),
    logger: Logger = Logger(label: "rpc.client", factory: { _ in SwiftLogNoOpLogHandler() })
  ) {
    core = ChannelCore(
      target: target, eventLoop: group.next(), configuration: configuration, random: random,
      logger: logger)
  }

  deinit { core.close() }

  package var target: RPCTarget { core.target }
  package var eventLoop: any EventLoop { core.outbox.eventLoop }
  package var state: ChannelState { core.state }

  /// Calls `observer` on the event loop with the present state and each later one.
  package func observeState(_ observer: @escaping @Sendable (ChannelState) -> Void) {
    core.observe(observer)
  }

  /// Connects without waiting for a first call.
  package func connect() { core.connectIfIdle() }

  /// Ends every call with `unavailable` and the connection with them.
  package func close() { core.close() }

  // MARK: Unary

  /// For hot use: no task, no hop if called on the event loop. Cancel by the returned handle.
  @discardableResult
  package func unary(
    _ path: String, _ payload: ByteBuffer, options: CallOptions = CallOptions(),
    completion: @escaping Completion
  ) -> ClientStream {
    let call = ClientCallStream(
      unary: path, payload, options, core.outbox, core.configuration, completion: completion)
    core.start(call)
    return ClientStream(stream: call)
  }

  /// Calls a unary method. The completion runs exactly once, on the connection's event loop.
  package func unary(
    _ path: String, _ payload: ByteBuffer, options: CallOptions = CallOptions()
  ) async throws(RPCStatus) -> ByteBuffer {
    let canceller = CallCanceller()
    let result = await withTaskCancellationHandler {
      await withCheckedContinuation { continuation in
        let call = unary(path, payload, options: options) { result in
          continuation.resume(returning: result.map { $0.compacted() })
        }
        canceller.set(call)
      }
    } onCancel: {
      canceller.cancel()
    }
    return try result.get()
  }

  /// Encodes, calls, decodes.
  package func unary<Response: Message>(
    _ path: String, _ request: some Message, as type: Response.Type = Response.self,
    options: CallOptions = CallOptions()
  ) async throws(RPCStatus) -> Response {
    let reply = try await unary(path, try MessageCoding.encode(request), options: options)
    return try MessageCoding.decode(reply: reply)
  }

  /// Encodes on the calling thread; decodes on the event loop.
  @discardableResult
  package func unary<Response: Message>(
    _ path: String, _ request: some Message, as type: Response.Type = Response.self,
    options: CallOptions = CallOptions(),
    completion: @escaping @Sendable (Result<Response, RPCStatus>) -> Void
  ) throws(RPCStatus) -> ClientStream {
    unary(path, try MessageCoding.encode(request), options: options) { result in
      completion(
        result.flatMap { reply in
          Result { () throws(RPCStatus) in try MessageCoding.decode(reply: reply) }
        })
    }
  }

  // MARK: Streams

  /// Any shape with a stream in it, by callbacks. `make` runs first, on the event loop; sending on the
  /// returned handle may begin at once.
  @discardableResult
  package func openStream(
    _ path: String, options: CallOptions = CallOptions(),
    make: @escaping @Sendable (ClientStream) -> any ClientStreamHandler
  ) -> ClientStream {
    let call = ClientCallStream(stream: path, options, core.outbox, core.configuration, make: make)
    core.start(call)
    return ClientStream(stream: call)
  }

  /// As above, with a handler that is there already.
  @discardableResult
  package func openStream(
    _ path: String, options: CallOptions = CallOptions(),
    handler: any ClientStreamHandler & Sendable
  ) -> ClientStream {
    openStream(path, options: options) { _ in handler }
  }

  /// Any shape with a stream in it, for a task.
  package func openAsyncStream(
    _ path: String, options: CallOptions = CallOptions()
  ) -> AsyncClientStream {
    let (base, continuation) = AsyncThrowingStream<ByteBuffer, any Error>.makeStream()
    let stream = openStream(path, options: options) { stream in
      stream.holdReceived()
      return AsyncClientHandler(continuation)
    }
    continuation.onTermination = { reason in
      if case .cancelled = reason { stream.cancel() }
    }
    return AsyncClientStream(
      messages: AsyncMessages(base: base, stream: stream.stream), stream: stream)
  }
}
