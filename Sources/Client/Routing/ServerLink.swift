import NIOCore
import RPC
import Synchronization

/// A channel to one server that is used only while it is connected: a request on a channel that is not
/// connected is known not to have been sent. Any thread.
final class ServerLink: Sendable {
  let channel: RPCChannel
  private struct State {
    var channel = ChannelState.idle
    var waiting: [CheckedContinuation<Bool, Never>] = []
  }

  private let state = Mutex(State())

  init(target: RPCTarget, group: any EventLoopGroup, connectTimeout: Duration) {
    var configuration = ClientConfiguration()
    configuration.connectTimeout = TimeAmount(connectTimeout)
    configuration.maxBackoff = .seconds(1)
    configuration.maxReceiveMessageBytes = 64 << 20
    channel = RPCChannel(target: target, group: group, configuration: configuration)
    channel.observeState { [weak self] new in self?.entered(new) }
  }

  private func entered(_ new: ChannelState) {
    let waiting = state.withLock { state in
      state.channel = new
      guard Self.isSettled(new) else { return [CheckedContinuation<Bool, Never>]() }
      defer { state.waiting = [] }
      return state.waiting
    }
    for continuation in waiting { continuation.resume(returning: new == .ready) }
  }

  private static func isSettled(_ state: ChannelState) -> Bool {
    switch state {
    case .ready, .failing, .closed: true
    case .idle, .connecting: false
    }
  }

  /// Connects if necessary. True once connected; false if that failed, and the channel retries.
  func isReady() async -> Bool {
    if channel.state == .ready { return true }
    return await withCheckedContinuation { continuation in
      let settled = state.withLock { state -> ChannelState? in
        if Self.isSettled(state.channel) { return state.channel }
        state.waiting.append(continuation)
        return nil
      }
      if let settled {
        continuation.resume(returning: settled == .ready)
      } else {
        channel.connect()
      }
    }
  }

  /// Closes the channel; `isReady` returns false from then on.
  func close() {
    channel.close()
    // The channel does not report that it was closed.
    entered(.closed)
  }
}
