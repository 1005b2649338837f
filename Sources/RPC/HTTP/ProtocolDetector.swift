import NIOCore

/// Distinguishes HTTP/2 with prior knowledge from HTTP/1.1 by a connection's first bytes, and is
/// replaced by the handlers of the protocol. A connection on which nothing arrives in time is closed.
final class ProtocolDetector: ChannelInboundHandler, RemovableChannelHandler {
  typealias InboundIn = ByteBuffer
  typealias InboundOut = ByteBuffer

  /// How the client's preface begins; no method of HTTP/1.1 is named so.
  private static let preface = Array("PRI ".utf8)

  private let timeout: TimeAmount
  private var open: ((_ isHTTP2: Bool) throws -> Void)?
  private var bytes = ByteBuffer()
  private var alarm: Scheduled<Void>?
  private var context: ChannelHandlerContext?

  /// - Parameter open: adds the handlers of the protocol to the end of the pipeline; called at most once.
  init(timeout: TimeAmount, open: @escaping (_ isHTTP2: Bool) throws -> Void) {
    self.timeout = timeout
    self.open = open
  }

  func handlerAdded(context: ChannelHandlerContext) {
    self.context = context
    alarm = context.eventLoop.assumeIsolated().scheduleTask(in: timeout) { self.close() }
  }

  func handlerRemoved(context: ChannelHandlerContext) { end() }

  func channelInactive(context: ChannelHandlerContext) {
    end()
    context.fireChannelInactive()
  }

  func channelRead(context: ChannelHandlerContext, data: NIOAny) {
    var part = unwrapInboundIn(data)
    bytes.writeBuffer(&part)
    let start = bytes.readableBytesView.prefix(Self.preface.count)
    let isHTTP2 = Self.preface.starts(with: start)
    guard !isHTTP2 || start.count == Self.preface.count, let open = open.take() else { return }
    do {
      try open(isHTTP2)
    } catch {
      return close()
    }
    context.fireChannelRead(wrapInboundOut(bytes))
    context.fireChannelReadComplete()
    context.pipeline.syncOperations.removeHandler(context: context, promise: nil)
  }

  private func end() {
    alarm?.cancel()
    alarm = nil
    open = nil
    context = nil
  }
}

extension ProtocolDetector: PlainConnection {
  func drain() { close() }

  func close() { context?.close(promise: nil) }
}
