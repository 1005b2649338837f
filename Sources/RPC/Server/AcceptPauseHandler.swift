import Glibc
package import Logging
package import NIOCore
import Synchronization

/// How many connections a listener may hold, and how many it does. Any thread.
package final class ConnectionLimit: Sendable {
  package let capacity: Int
  private let count = Atomic<Int>(0)
  private let paused = Atomic<Bool>(false)
  private let pauseCount = Atomic<UInt64>(0)

  package init(capacity: Int) {
    self.capacity = max(1, capacity)
  }

  /// Connections accepted and not yet closed.
  package var open: Int { count.load(ordering: .relaxed) }
  /// Whether new connections wait in the system's queue.
  package var isPaused: Bool { paused.load(ordering: .relaxed) }
  /// How often accepting was paused.
  package var pauses: UInt64 { pauseCount.load(ordering: .relaxed) }

  fileprivate func opened() { count.add(1, ordering: .relaxed) }
  fileprivate func closed() { count.subtract(1, ordering: .relaxed) }

  fileprivate func setPaused(_ isPaused: Bool) {
    guard paused.exchange(isPaused, ordering: .relaxed) != isPaused, isPaused else { return }
    pauseCount.add(1, ordering: .relaxed)
  }
}

/// The first handler of a listener. Stops accepting: at the limit until a connection closes,
/// and for a while when the system has no descriptor or memory for one more (the socket stays readable
/// then, and the event loop would do nothing but try). What clients ask meanwhile waits in the system's
/// queue.
///
/// The listener must read one connection at a time (`maxMessagesPerRead` 1), or it overshoots the limit.
package final class AcceptPauseHandler: ChannelInboundHandler {
  package typealias InboundIn = any Channel

  /// The wait after a failed accept.
  private static let retryDelay = TimeAmount.milliseconds(200)
  /// Failures are logged at most so often.
  private static let logInterval = TimeAmount.seconds(60)

  private let limit: ConnectionLimit
  private let logger: Logger
  private var isAccepting = true
  private var isAcceptPaused = false
  /// The limit was reached, which was logged, and has not been left far behind since.
  private var isCrowded = false
  private var failureLoggedAt: NIODeadline?

  package init(limit: ConnectionLimit, logger: Logger) {
    self.limit = limit
    self.logger = logger
  }

  package func channelRead(context: ChannelHandlerContext, data: NIOAny) {
    limit.opened()
    let bound = NIOLoopBound((self, context.channel), eventLoop: context.eventLoop)
    unwrapInboundIn(data).closeFuture.hop(to: context.eventLoop).whenComplete { [limit] _ in
      limit.closed()
      bound.value.0.decide(bound.value.1)
    }
    decide(context.channel)
    context.fireChannelRead(data)
  }

  package func errorCaught(context: ChannelHandlerContext, error: any Error) {
    guard let failure = error as? IOError,
      [EMFILE, ENFILE, ENOBUFS, ENOMEM].contains(failure.errnoCode)
    else { return context.fireErrorCaught(error) }
    let now = NIODeadline.now()
    if failureLoggedAt.map({ now - $0 >= Self.logInterval }) ?? true {
      failureLoggedAt = now
      logger.warning("accepting paused", metadata: ["error": "\(failure)"])
    }
    guard !isAcceptPaused else { return }
    isAcceptPaused = true
    decide(context.channel)
    let channel = context.channel
    context.eventLoop.assumeIsolated().scheduleTask(in: Self.retryDelay) {
      self.isAcceptPaused = false
      self.decide(channel)
    }
  }

  private func decide(_ channel: any Channel) {
    let isFull = limit.open >= limit.capacity
    if isFull, !isCrowded {
      isCrowded = true
      logger.warning(
        "connection limit reached; new connections wait",
        metadata: ["limit": "\(limit.capacity)"])
    } else if isCrowded, limit.open <= limit.capacity - max(1, limit.capacity / 10) {
      isCrowded = false
    }
    let accepts = !isFull && !isAcceptPaused
    guard accepts != isAccepting, channel.isActive else { return }
    isAccepting = accepts
    limit.setPaused(!accepts)
    do {
      try channel.syncOptions?.setOption(.autoRead, value: accepts)
    } catch {
      logger.debug("the listener has closed", metadata: ["error": "\(error)"])
    }
  }
}
