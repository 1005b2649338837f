import NIOCore
import NIOPosix

/// A bare socket to a server, for bytes no proper client sends.
struct RawPeer {
  static let preface = Array("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n".utf8)
  static let emptySettings: [UInt8] = [0, 0, 0, 4, 0, 0, 0, 0, 0]

  private let channel: any Channel
  private let received: Signal<[UInt8]>

  static func connect(_ address: SocketAddress) async throws -> RawPeer {
    let received = Signal(of: [UInt8].self)
    let channel = try await ClientBootstrap(group: MultiThreadedEventLoopGroup.singleton)
      .channelInitializer { channel in
        channel.eventLoop.makeCompletedFuture {
          try channel.pipeline.syncOperations.addHandler(Gatherer(received))
        }
      }
      .connect(to: address).get()
    return RawPeer(channel: channel, received: received)
  }

  func send(_ bytes: [UInt8]) async throws {
    try await channel.writeAndFlush(ByteBuffer(bytes: bytes))
  }

  func close() async throws { try await channel.close() }

  /// All that came until the server closed the connection.
  func untilClosed() async throws -> [UInt8] { try await received.wait() }

  static func frame(_ type: UInt8, flags: UInt8 = 0, stream: UInt8 = 0, _ payload: [UInt8])
    -> [UInt8]
  {
    let count = payload.count
    let length = [UInt8(count >> 16 & 255), UInt8(count >> 8 & 255), UInt8(count & 255)]
    return length + [type, flags, 0, 0, 0, stream] + payload
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

  private final class Gatherer: ChannelInboundHandler {
    typealias InboundIn = ByteBuffer
    private let signal: Signal<[UInt8]>
    private var bytes: [UInt8] = []

    init(_ signal: Signal<[UInt8]>) { self.signal = signal }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
      bytes.append(contentsOf: unwrapInboundIn(data).readableBytesView)
    }

    func channelInactive(context: ChannelHandlerContext) { signal.send(bytes) }

    func errorCaught(context: ChannelHandlerContext, error: any Error) {
      context.close(promise: nil)
    }
  }
}
