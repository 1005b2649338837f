import NIOCore
import Synchronization
import Testing

@testable import RPC

@Suite struct LifecycleTests {
  @Test func shutdownLetsCallsEnd() async throws {
    let arrived = Signal(of: UnaryCall.self)
    var router = MethodRouter()
    router.unary("/a/slow") { _, call in arrived.send(call) }
    let pair = try await TestPair.make(router)
    async let reply = pair.channel.unary("/a/slow", ByteBuffer())
    let call = try await arrived.wait()
    let left = Signal(of: Bool.self)
    pair.channel.observeState { if $0 == .connecting || $0 == .failing { left.send(true) } }
    async let stopped: Void = pair.server.shutdown(gracePeriod: .seconds(20))
    // The client has seen the GOAWAY; its call goes on.
    _ = try await left.wait()
    call.reply(ByteBuffer(string: "last words"))
    let response = try await reply
    #expect(response == ByteBuffer(string: "last words"))
    let begin = ContinuousClock.now
    await stopped
    #expect(ContinuousClock.now - begin < .seconds(15))
    pair.channel.close()
  }

  @Test func shutdownEndsWithTheGracePeriod() async throws {
    let cancelled = Signal(of: RPCStatus.self)
    var router = MethodRouter()
    router.stream("/a/b") { EchoHandler($0, .chat) { cancelled.send($0) } }
    let pair = try await TestPair.make(router)
    let collector = RecordingStreamHandler()
    let stream = pair.channel.openStream("/a/b", handler: collector)
    stream.send(ByteBuffer(string: "x"))
    _ = try await collector.first.wait()
    await pair.server.shutdown(gracePeriod: .milliseconds(50))
    let status = try await cancelled.wait()
    #expect(status.code == .unavailable)
    let outcome = try await collector.closed.wait()
    #expect(outcome.status.code == .unavailable)
    pair.channel.close()
  }

  @Test func failsFastWhileThereIsNoServer() async throws {
    let port = try ReservedPort()
    defer { withExtendedLifetime(port) {} }
    let channel = TestPair.makeChannel(port: port.number)
    for _ in 0..<2 {
      let error = await #expect(throws: RPCStatus.self) {
        _ = try await channel.unary(TestServices.echo, ByteBuffer())
      }
      #expect(error?.code == .unavailable)
    }
    #expect(channel.state == .failing)
    channel.close()
    let error = await #expect(throws: RPCStatus.self) {
      _ = try await channel.unary(TestServices.echo, ByteBuffer())
    }
    #expect(error?.code == .unavailable)
  }

  @Test func reconnectsAfterTheServerRestarts() async throws {
    let pair = try await TestPair.make(TestServices.router)
    _ = try await pair.channel.unary(TestServices.echo, ByteBuffer())
    let left = Signal(of: Bool.self)
    pair.channel.observeState { if $0 == .failing { left.send(true) } }
    await pair.server.shutdown(gracePeriod: .milliseconds(100))
    _ = try await left.wait()
    let waiting = Task {
      try await pair.channel.unary(
        TestServices.echo, ByteBuffer(string: "again"),
        options: CallOptions(timeout: .seconds(120), waitForReady: true))
    }
    var configuration = ServerConfiguration()
    configuration.port = pair.address.port ?? 0
    let second = RPCServer(
      group: TestPair.group, configuration: configuration, router: TestServices.router,
      logger: TestPair.logger)
    // A connection of another test may have the port for a while.
    let deadline = NIODeadline.now() + .seconds(60)
    var isStarted = false
    while !isStarted {
      do {
        _ = try await second.start()
        isStarted = true
      } catch {
        if NIODeadline.now() > deadline { throw error }
      }
    }
    let reply = try await waiting.value
    #expect(reply == ByteBuffer(string: "again"))
    #expect(pair.channel.state == .ready)
    pair.channel.close()
    await second.shutdown(gracePeriod: .milliseconds(100))
  }

  @Test func occupiedPortIsAnError() async throws {
    try await TestPair.run(TestServices.router) { pair in
      var configuration = ServerConfiguration()
      configuration.port = pair.address.port ?? 0
      let second = RPCServer(
        group: TestPair.group, configuration: configuration, router: TestServices.router,
        logger: TestPair.logger)
      await #expect(throws: RPCStatus.self) { _ = try await second.start() }
    }
  }

  @Test func connectsByName() async throws {
    try await TestPair.run(TestServices.router) { pair in
      let channel = RPCChannel(
        target: RPCTarget(host: "localhost", port: pair.address.port ?? 0), group: TestPair.group)
      // The name's other address may be another test's.
      let reply = try await channel.unary(
        TestServices.echo, ByteBuffer(string: "x"),
        options: CallOptions(timeout: .seconds(60), waitForReady: true))
      #expect(reply == ByteBuffer(string: "x"))
      channel.close()
    }
  }

  @Test func aServerThatIsNotHTTP2IsRefused() async throws {
    let listener = try await SilentListener.start()
    var configuration = ClientConfiguration()
    configuration.connectTimeout = .milliseconds(100)
    let channel = TestPair.makeChannel(port: listener.port, configuration)
    let error = await #expect(throws: RPCStatus.self) {
      _ = try await channel.unary(TestServices.echo, ByteBuffer())
    }
    #expect(error?.code == .unavailable)
    channel.close()
    try await listener.stop()
  }

  @Test func keepaliveNoticesASilentServer() async throws {
    let listener = try await SilentListener.start(greeting: RawPeer.emptySettings)
    var configuration = ClientConfiguration()
    configuration.keepalive = Keepalive(interval: .milliseconds(50), timeout: .milliseconds(50))
    let channel = TestPair.makeChannel(port: listener.port, configuration)
    let error = await #expect(throws: RPCStatus.self) {
      _ = try await channel.unary(TestServices.echo, ByteBuffer())
    }
    #expect(error?.code == .unavailable)
    channel.close()
    try await listener.stop()
  }

  @Test func keepaliveKeepsAQuietConnection() async throws {
    var configuration = ClientConfiguration()
    configuration.keepalive = Keepalive(interval: .milliseconds(20), timeout: .seconds(5))
    let reports = Mutex<[ChannelState]>([])
    try await TestPair.run(TestServices.router, client: configuration) { pair in
      pair.channel.observeState { state in reports.withLock { $0.append(state) } }
      _ = try await pair.channel.unary(TestServices.echo, ByteBuffer())
      // Ten intervals of quiet, measured by a call that is completed only by its deadline.
      _ = await #expect(throws: RPCStatus.self) {
        let stream = pair.channel.openAsyncStream(
          TestServices.asyncChat, options: CallOptions(timeout: .milliseconds(200)))
        for try await _ in stream.messages {}
      }
      let seen = reports.withLock { $0 }
      #expect(!seen.contains(.failing))
      #expect(pair.channel.state == .ready)
    }
  }
}
