import NIOCore

/// Ends a connection after its last reply: sends what is queued, closes the sending side, and drops what the
/// client still sends until it closes too. A socket closed with unread input would be reset, and the client's
/// system would discard the reply with it.
///
/// The first handler of the pipeline: those behind it see no more input. Bounded in bytes and time.
final class LingeringClose: ChannelInboundHandler {
  typealias InboundIn = ByteBuffer

  private let timeout: TimeAmount
  private var bytesLeft: Int
  private var alarm: Scheduled<Void>?

  private init(_ limits: HTTPService.Limits) {
    timeout = limits.lingerTimeout
    bytesLeft = limits.lingerBytes
  }

  /// On the event loop, after the last reply was written and flushed.
  static func begin(on pipeline: ChannelPipeline, _ limits: HTTPService.Limits) throws {
    try pipeline.syncOperations.addHandler(LingeringClose(limits), position: .first)
  }

  func handlerAdded(context: ChannelHandlerContext) {
    let bound = NIOLoopBound(context, eventLoop: context.eventLoop)
    alarm = context.eventLoop.scheduleTask(in: timeout) { bound.value.close(promise: nil) }
    // The system sends what is queued first.
    context.close(mode: .output).whenFailure { _ in bound.value.close(promise: nil) }
  }

  func handlerRemoved(context: ChannelHandlerContext) { alarm?.cancel() }

  func channelRead(context: ChannelHandlerContext, data: NIOAny) {
    bytesLeft -= unwrapInboundIn(data).readableBytes
    if bytesLeft < 0 { context.close(promise: nil) }
  }

  func errorCaught(context: ChannelHandlerContext, error: any Error) { context.close(promise: nil) }
}
