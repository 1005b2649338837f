import NIOCore
import NIOPosix
import Synchronization

/// A bare socket to a server, for bytes no proper client sends.
struct RawPeer {
  static let preface = Array("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n".utf8)
  static let emptySettings: [UInt8] = [0, 0, 0, 4, 0, 0, 0, 0, 0]

  private let channel: any Channel
  private let received: Received

  static func connect(_ address: SocketAddress, reads: Bool = true) async throws -> RawPeer {
    let received = Received()
    let channel = try await ClientBootstrap(group: MultiThreadedEventLoopGroup.singleton)
      .channelOption(.autoRead, value: reads)
      // Who does not read yet goes on sending when the server has sent its last byte.
      .channelOption(.allowRemoteHalfClosure, value: !reads)
      .channelInitializer { channel in
        channel.eventLoop.makeCompletedFuture {
          try channel.pipeline.syncOperations.addHandler(Gatherer(received))
        }
      }
      .connect(to: address).get()
    return RawPeer(channel: channel, received: received)
  }

  /// A connection that has sent the HTTP/2 preface and SETTINGS.
  static func greet(_ address: SocketAddress) async throws -> RawPeer {
    let peer = try await connect(address)
    try await peer.send(preface + emptySettings + settingsAcknowledgement)
    return peer
  }

  func send(_ bytes: [UInt8]) async throws {
    try await channel.writeAndFlush(ByteBuffer(bytes: bytes))
  }

  func close() async throws { try await channel.close() }

  /// For a peer that was connected without reading.
  func startReading() async throws { try await channel.setOption(.autoRead, value: true).get() }

  /// All that came until the server closed the connection.
  func untilClosed() async throws -> [UInt8] { try await received.closed.wait() }

  /// Waits until what came so far is `enough`.
  func wait(_ enough: @escaping @Sendable ([UInt8]) -> Bool) async throws -> [UInt8] {
    try await received.wait(enough)
  }

  /// Sends a PING; returns what came until its response, by when the server has seen all sent before.
  func pong(_ mark: UInt8 = 1) async throws -> [UInt8] {
    let payload = [UInt8](repeating: mark, count: 8)
    try await send(Self.frame(6, payload))
    let response = Self.frame(6, flags: 1, payload)
    return try await wait { bytes in
      Self.frames(bytes).contains { $0.type == 6 && $0.flags == 1 && $0.payload == response[9...] }
    }
  }

  static let settingsAcknowledgement: [UInt8] = [0, 0, 0, 4, 1, 0, 0, 0, 0]

  static func frame(_ type: UInt8, flags: UInt8 = 0, stream: Int = 0, _ payload: [UInt8])
    -> [UInt8]
  {
    number(payload.count, bytes: 3) + [type, flags] + number(stream, bytes: 4) + payload
  }

  static func number(_ value: Int, bytes: Int) -> [UInt8] {
    (0..<bytes).reversed().map { UInt8(truncatingIfNeeded: value >> (8 * $0)) }
  }

  /// A header field, literal and not indexed; `index` true puts it into the dynamic table.
  static func field(_ name: String, _ value: String, index: Bool = false) -> [UInt8] {
    func text(_ text: String) -> [UInt8] {
      let count = text.utf8.count
      // An integer with a prefix of seven bits.
      var length: [UInt8] = count < 127 ? [UInt8(count)] : [127]
      var rest = count - 127
      if rest >= 0 {
        while rest >= 128 {
          length.append(UInt8(rest % 128 + 128))
          rest /= 128
        }
        length.append(UInt8(rest))
      }
      return length + Array(text.utf8)
    }
    return [index ? 0x40 : 0] + text(name) + text(value)
  }

  /// The header fields of a call.
  static func head(_ path: String, _ more: [(String, String)] = []) -> [UInt8] {
    let fields =
      [
        (":method", "POST"), (":scheme", "http"), (":path", path), (":authority", "here"),
        ("content-type", "application/grpc"), ("te", "trailers"),
      ] + more
    return fields.flatMap { field($0.0, $0.1) }
  }

  /// A call's HEADERS frame, with END_HEADERS.
  static func open(_ path: String, stream: Int, _ more: [(String, String)] = []) -> [UInt8] {
    frame(1, flags: 4, stream: stream, head(path, more))
  }

  /// A message with its prefix in one DATA frame.
  static func message(_ bytes: [UInt8], stream: Int, flag: UInt8 = 0, isLast: Bool = true)
    -> [UInt8]
  {
    frame(0, flags: isLast ? 1 : 0, stream: stream, [flag] + number(bytes.count, bytes: 4) + bytes)
  }

  struct Frame {
    var type: UInt8
    var flags: UInt8
    var stream: Int
    var payload: ArraySlice<UInt8>

    /// The payload as a number: an error code or a window's increment.
    var number: Int { payload.prefix(8).suffix(4).reduce(0) { $0 << 8 | Int($1) } }
  }

  /// The whole frames in `bytes`.
  static func frames(_ bytes: [UInt8]) -> [Frame] {
    var frames: [Frame] = []
    var at = 0
    while bytes.count - at >= 9 {
      let count = bytes[at..<at + 3].reduce(0) { $0 << 8 | Int($1) }
      guard bytes.count - at - 9 >= count else { break }
      let stream = bytes[at + 5..<at + 9].reduce(0) { $0 << 8 | Int($1) }
      frames.append(
        Frame(
          type: bytes[at + 3], flags: bytes[at + 4], stream: stream,
          payload: bytes[at + 9..<at + 9 + count]))
      at += 9 + count
    }
    return frames
  }

  /// The types of the frames in `bytes`, in order.
  static func frameTypes(_ bytes: [UInt8]) -> [UInt8] {
    var types: [UInt8] = []
    var rest = bytes[...]
    while rest.count >= 9 {
      let head = Array(rest.prefix(9))
      types.append(head[3])
      rest = rest.dropFirst(9 + Int(head[0]) << 16 + Int(head[1]) << 8 + Int(head[2]))
    }
    return types
  }

  /// What has come, and who waits for more of it.
  private final class Received: Sendable {
    private struct State {
      var bytes: [UInt8] = []
      var waiter: (enough: @Sendable ([UInt8]) -> Bool, signal: Signal<[UInt8]>)?
    }

    private let state = Mutex(State())
    let closed = Signal(of: [UInt8].self)

    func append(_ more: ByteBufferView) {
      state.withLock { state in
        state.bytes.append(contentsOf: more)
        if let waiter = state.waiter, waiter.enough(state.bytes) {
          waiter.signal.send(state.bytes)
          state.waiter = nil
        }
      }
    }

    func close() { closed.send(state.withLock { $0.bytes }) }

    func wait(_ enough: @escaping @Sendable ([UInt8]) -> Bool) async throws -> [UInt8] {
      let signal = Signal(of: [UInt8].self)
      let present = state.withLock { state -> [UInt8]? in
        if enough(state.bytes) { return state.bytes }
        state.waiter = (enough, signal)
        return nil
      }
      if let present { return present }
      return try await signal.wait()
    }
  }

  private final class Gatherer: ChannelInboundHandler {
    typealias InboundIn = ByteBuffer
    private let received: Received

    init(_ received: Received) { self.received = received }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
      received.append(unwrapInboundIn(data).readableBytesView)
    }

    func channelInactive(context: ChannelHandlerContext) { received.close() }

    func userInboundEventTriggered(context: ChannelHandlerContext, event: Any) {
      if let event = event as? ChannelEvent, event == .inputClosed { received.close() }
      context.fireUserInboundEventTriggered(event)
    }

    func errorCaught(context: ChannelHandlerContext, error: any Error) {
      context.close(promise: nil)
    }
  }
}
