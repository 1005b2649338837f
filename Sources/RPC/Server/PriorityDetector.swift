import Glibc
import NIOCore

/// The first handler of an accepted connection: reads its first frame, then has it served on this event
/// loop or, if the client marked it as having priority, moves its socket to the loop that is kept for such.
final class PriorityDetector: ChannelInboundHandler, RemovableChannelHandler {
  typealias InboundIn = ByteBuffer
  typealias InboundOut = ByteBuffer

  /// What a client may take to send its first frame.
  private static let timeout = TimeAmount.seconds(10)

  /// Adds the handlers that serve the connection here.
  private let serve: (any Channel) throws -> Void
  /// Takes over a descriptor of the socket and what was read from it; false leaves the connection here.
  private let move: (NIOBSDSocket.Handle, ByteBuffer) -> Bool
  private var received = ByteBuffer()
  private var alarm: Scheduled<Void>?
  private var isDone = false

  init(
    serve: @escaping (any Channel) throws -> Void,
    move: @escaping (NIOBSDSocket.Handle, ByteBuffer) -> Bool
  ) {
    self.serve = serve
    self.move = move
  }

  func handlerAdded(context: ChannelHandlerContext) {
    let channel = context.channel
    alarm = context.eventLoop.scheduleTask(in: Self.timeout) { channel.close(promise: nil) }
  }

  func handlerRemoved(context: ChannelHandlerContext) { alarm?.cancel() }

  func channelRead(context: ChannelHandlerContext, data: NIOAny) {
    guard !isDone else { return }
    var bytes = unwrapInboundIn(data)
    if received.readableBytes == 0 { received = bytes } else { received.writeBuffer(&bytes) }
    switch PrioritySetting.find(in: received) {
    case .incomplete: break
    case .present where moveAway(context):
      isDone = true
      // The socket lives on in its other descriptor; nothing more is read from this one.
      context.close(promise: nil)
    case .absent, .present:
      isDone = true
      serveHere(context)
    }
  }

  private func moveAway(_ context: ChannelHandlerContext) -> Bool {
    let copy: NIOBSDSocket.Handle
    do {
      let found = try context.channel.pipeline.syncOperations.withUnsafeTransportIfAvailable(
        of: NIOBSDSocket.Handle.self
      ) { fcntl($0, F_DUPFD_CLOEXEC, 0) }
      guard let found, found >= 0 else { return false }
      copy = found
    } catch {
      return false
    }
    if move(copy, received) { return true }
    Glibc.close(copy)
    return false
  }

  private func serveHere(_ context: ChannelHandlerContext) {
    do {
      try serve(context.channel)
    } catch {
      return context.close(promise: nil)
    }
    context.fireChannelRead(wrapInboundOut(received))
    received = ByteBuffer()
    context.pipeline.syncOperations.removeHandler(self, promise: nil)
  }
}

/// Repeats what was read of a connection before it came to its present channel.
final class ReplayHandler: ChannelInboundHandler, RemovableChannelHandler {
  typealias InboundIn = ByteBuffer
  typealias InboundOut = ByteBuffer

  private let bytes: ByteBuffer

  init(_ bytes: ByteBuffer) { self.bytes = bytes }

  func channelActive(context: ChannelHandlerContext) {
    context.fireChannelActive()
    context.fireChannelRead(wrapInboundOut(bytes))
    context.fireChannelReadComplete()
    context.pipeline.syncOperations.removeHandler(self, promise: nil)
  }
}
