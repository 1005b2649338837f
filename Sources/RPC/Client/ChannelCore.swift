import Logging
import NIOCore
import NIOPosix
import NIOSSL
import Synchronization

/// The event loop's side of a channel: connects, reconnects, passes calls to the connection.
// @unchecked: `var`s are read and written on the outbox's event loop only; `state` is atomic.
final class ChannelCore: @unchecked Sendable {
  let target: RPCTarget
  let configuration: ClientConfiguration
  let outbox: LoopOutbox
  private let logger: Logger
  private let published = Atomic<UInt8>(ChannelState.idle.rawValue)

  private var random: any RandomNumberGenerator & Sendable
  private var tls: NIOSSLContext?
  private var connection: ClientConnection?
  /// Sockets being tried (a name may stand for several addresses), then the one that connected.
  private var candidates: [ClientConnection] = []
  private var candidate: ClientConnection?
  private var waiting: [ClientCallStream] = []
  private var failures = 0
  private var readyTime = NIODeadline.uptimeNanoseconds(0)
  private var timer: Scheduled<Void>?
  private var lastFailure = RPCStatus(.unavailable, "not connected")
  private var stateObserver: (@Sendable (ChannelState) -> Void)?

  init(
    target: RPCTarget, eventLoop: any EventLoop, configuration: ClientConfiguration,
    random: any RandomNumberGenerator & Sendable, logger: Logger
  ) {
    self.target = target
    self.configuration = configuration
    self.random = random
    self.logger = logger
    outbox = LoopOutbox(eventLoop: eventLoop)
  }

  /// From any thread; on the event loop it is exact.
  var state: ChannelState {
    ChannelState(rawValue: published.load(ordering: .acquiring)) ?? .closed
  }

  private func enter(_ state: ChannelState) {
    guard self.state != state else { return }
    published.store(state.rawValue, ordering: .releasing)
    stateObserver?(state)
  }

  /// Runs on the event loop: now if this is it.
  func perform(_ work: @escaping @Sendable () -> Void) {
    if outbox.eventLoop.inEventLoop { work() } else { outbox.post(.run(work)) }
  }

  // MARK: Calls

  /// Any thread.
  func start(_ call: ClientCallStream) {
    perform {
      call.begin()
      self.admit(call)
    }
  }

  private func admit(_ call: ClientCallStream) {
    guard !call.isComplete else { return }
    switch state {
    case .ready: open(call)
    case .idle:
      wait(call)
      connect()
    case .connecting: wait(call)
    case .failing:
      if call.options.waitForReady { wait(call) } else { call.complete(lastFailure) }
    case .closed: call.complete(RPCStatus(.unavailable, "the channel is closed"))
    }
  }

  private func open(_ call: ClientCallStream) {
    guard let connection else { return wait(call) }
    guard !call.open(on: connection) else { return }
    // Stream numbers are used up (or the session is ending): go on with a new connection.
    wait(call)
    isGoingAway(connection)
  }

  private func wait(_ call: ClientCallStream) {
    waiting.append(call)
    guard call.deadline != .distantFuture else { return }
    outbox.eventLoop.scheduleTask(deadline: call.deadline) { [weak call, weak self] in
      guard let call, let self, self.waiting.contains(where: { $0 === call }) else { return }
      self.waiting.removeAll { $0 === call }
      call.expire()
    }
  }

  // MARK: Connecting

  /// Any thread: connects if nothing was asked of the channel yet.
  func connectIfIdle() {
    perform { if self.state == .idle { self.connect() } }
  }

  private func connect() {
    if failures == 0 { enter(.connecting) }
    do throws(RPCStatus) {
      if tls == nil { tls = try configuration.tls?.context() }
    } catch {
      return attemptFailed(error)
    }
    let bootstrap = ClientBootstrap(group: outbox.eventLoop)
      .connectTimeout(configuration.connectTimeout)
      .channelOption(.socketOption(.tcp_nodelay), value: 1)
      .channelOption(.writeBufferWaterMark, value: .init(low: 256 << 10, high: 1 << 20))
      .channelOption(
        .recvAllocator,
        value: AdaptiveRecvByteBufferAllocator(minimum: 4096, initial: 16384, maximum: 256 << 10)
      )
      .channelInitializer { channel in
        channel.eventLoop.makeCompletedFuture {
          try channel.closeOnExec()
          try self.setUp(channel)
        }
      }
    timer = outbox.eventLoop.scheduleTask(in: configuration.connectTimeout) {
      self.candidate?.close(RPCStatus(.unavailable, "\(self.target) does not speak HTTP/2"))
    }
    bootstrap.connect(host: target.host, port: target.port).whenComplete { result in
      self.connected(result)
    }
  }

  private func connected(_ result: Result<any Channel, any Error>) {
    let tried = candidates
    candidates = []
    guard state != .closed else {
      for connection in tried { connection.close(RPCStatus(.unavailable, "the channel is closed")) }
      return
    }
    switch result {
    case .success(let channel):
      candidate = tried.first { $0.context?.channel === channel }
      if candidate == nil { attemptFailed(RPCStatus(.unavailable, "connection lost")) }
    case .failure(let error):
      attemptFailed(RPCStatus(.unavailable, "cannot connect to \(target): \(error)"))
    }
  }

  private func setUp(_ channel: any Channel) throws {
    guard state != .closed else { throw RPCStatus(.unavailable, "the channel is closed") }
    let name = configuration.tls?.serverName ?? target.host
    let authority = target.port == 0 ? name : "\(target)"
    let connection = try ClientConnection(
      core: self, authority: Array(authority.utf8), configuration: configuration, logger: logger)
    if let tls {
      let isAddress = (try? SocketAddress(ipAddress: name, port: 0)) != nil
      try channel.pipeline.syncOperations.addHandler(
        try NIOSSLClientHandler(context: tls, serverHostname: isAddress ? nil : name))
    }
    candidates.append(connection)
    try channel.pipeline.syncOperations.addHandler(connection)
  }

  private func attemptFailed(_ status: RPCStatus) {
    timer?.cancel()
    connection = nil
    candidate = nil
    guard state != .closed else { return }
    lastFailure = RPCStatus(.unavailable, status.message)
    logger.debug("connection attempt failed", metadata: ["error": "\(status.message)"])
    failures += 1
    enter(.failing)
    let failed = waiting.filter { !$0.options.waitForReady }
    waiting.removeAll { !$0.options.waitForReady }
    for call in failed { call.complete(lastFailure) }
    timer = outbox.eventLoop.scheduleTask(in: backoff()) { self.connect() }
  }

  /// Grows by 1.6 from the initial pause to the largest, give or take a fifth.
  private func backoff() -> TimeAmount {
    var pause = Double(configuration.initialBackoff.nanoseconds)
    let largest = Double(configuration.maxBackoff.nanoseconds)
    var left = failures - 1
    while left > 0, pause < largest {
      pause *= 1.6
      left -= 1
    }
    let jitter = 0.8 + 0.4 * Double(random.next() >> 11) / Double(1 << 53)
    return .nanoseconds(Int64(min(pause, largest) * jitter))
  }

  // MARK: Told by the connection

  func becameReady(_ connection: ClientConnection) {
    guard connection === candidate, state != .closed else { return }
    timer?.cancel()
    candidate = nil
    self.connection = connection
    readyTime = .now()
    enter(.ready)
    let calls = waiting
    waiting = []
    for call in calls { admit(call) }
  }

  /// Its calls under way may end; new ones need a new connection.
  func isGoingAway(_ connection: ClientConnection) {
    guard connection === self.connection, state != .closed else { return }
    self.connection = nil
    connection.drain()
    reconnect(RPCStatus(.unavailable, "the server is shutting down"))
  }

  func ended(_ connection: ClientConnection, _ reason: RPCStatus) {
    guard state != .closed else { return }
    if connection === candidate { return attemptFailed(reason) }
    guard connection === self.connection else { return }
    self.connection = nil
    reconnect(reason)
  }

  /// At once, unless connections keep breaking as soon as they are made.
  private func reconnect(_ reason: RPCStatus) {
    timer?.cancel()
    if NIODeadline.now() - readyTime < configuration.initialBackoff {
      return attemptFailed(reason)
    }
    failures = 0
    connect()
  }

  // MARK: Closing and watching

  /// Any thread.
  func close() {
    // A closed channel may outlive its event loop, which then takes nothing any more.
    if state == .closed { return }
    perform {
      guard self.state != .closed else { return }
      self.enter(.closed)
      self.stateObserver = nil
      self.timer?.cancel()
      let reason = RPCStatus(.unavailable, "the channel is closed")
      self.connection?.close(reason)
      self.candidate?.close(reason)
      self.connection = nil
      self.candidate = nil
      let calls = self.waiting
      self.waiting = []
      for call in calls { call.complete(reason) }
    }
  }

  /// Any thread. `observer` is called on the event loop, first with the present state.
  func observe(_ observer: @escaping @Sendable (ChannelState) -> Void) {
    perform {
      observer(self.state)
      if self.state != .closed { self.stateObserver = observer }
    }
  }
}
