package import Logging
package import NIOCore
package import NIOPosix
import Synchronization

/// A listening socket that stays. NIO closes a listener when accept fails for a reason it does not
/// know, and Linux passes what went wrong on a connection that waits in the queue (EPROTO, ENETDOWN,
/// EHOSTUNREACH, ...; accept(2)) to whoever accepts it: without this, one client's network would end
/// the service for all. The socket is then reopened at the same address. Any thread.
package final class Listener: Sendable {
  private struct State {
    var channel: (any Channel)?
    var openedAt = NIODeadline.now()
    var isClosed = false
  }

  package let address: SocketAddress
  private let makeBootstrap: @Sendable () -> ServerBootstrap
  private let group: any EventLoopGroup
  private let logger: Logger
  private let state: Mutex<State>

  /// The wait before another attempt, where one was made a short time before.
  private static let retryDelay = TimeAmount.milliseconds(200)

  /// Binds and listens.
  ///
  /// - Parameter makeBootstrap: called for each socket; its channels must be of loops of `group`.
  package static func open(
    host: String, port: Int, group: any EventLoopGroup, logger: Logger,
    _ makeBootstrap: @escaping @Sendable () -> ServerBootstrap
  ) async throws -> Listener {
    let channel = try await makeBootstrap().bind(host: host, port: port).get()
    guard let address = channel.localAddress else {
      throw RPCStatus(.internal, "the listener has no address")
    }
    let listener = Listener(
      channel: channel, address: address, group: group, logger: logger, makeBootstrap)
    listener.watch(channel)
    return listener
  }

  private init(
    channel: any Channel, address: SocketAddress, group: any EventLoopGroup, logger: Logger,
    _ makeBootstrap: @escaping @Sendable () -> ServerBootstrap
  ) {
    self.address = address
    self.makeBootstrap = makeBootstrap
    self.group = group
    self.logger = logger
    state = Mutex(State(channel: channel))
  }

  /// The present socket, if there is one.
  var channel: (any Channel)? { state.withLock { $0.channel } }

  /// Stops listening, permanently.
  package func close() -> EventLoopFuture<Void> {
    let channel = state.withLock { state in
      state.isClosed = true
      return state.channel.take()
    }
    guard let channel else { return group.next().makeSucceededVoidFuture() }
    return channel.close()
  }

  private func watch(_ channel: any Channel) {
    channel.closeFuture.whenComplete { _ in self.lost() }
  }

  private func lost() {
    let (isClosed, age) = state.withLock { state in
      state.channel = nil
      return (state.isClosed, NIODeadline.now() - state.openedAt)
    }
    guard !isClosed else { return }
    logger.warning("a listener was closed by an error", metadata: ["address": "\(address)"])
    if age > Self.retryDelay { reopen() } else { reopenLater() }
  }

  private func reopenLater() {
    group.next().scheduleTask(in: Self.retryDelay) { self.reopen() }
  }

  private func reopen() {
    guard !state.withLock({ $0.isClosed }) else { return }
    makeBootstrap().bind(to: address).whenComplete { result in
      switch result {
      case .success(let channel): self.opened(channel)
      case .failure(let error):
        self.logger.warning(
          "cannot listen again yet",
          metadata: ["address": "\(self.address)", "error": "\(error)"])
        self.reopenLater()
      }
    }
  }

  private func opened(_ channel: any Channel) {
    let isClosed = state.withLock { state in
      if !state.isClosed { state.channel = channel }
      state.openedAt = .now()
      return state.isClosed
    }
    if isClosed { channel.close(promise: nil) } else { watch(channel) }
  }
}
