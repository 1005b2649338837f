import NIOCore
import NIOPosix

/// A listener that accepts, sends at most a greeting, and never responds.
struct SilentListener {
  private let channel: any Channel
  let port: Int

  static func start(greeting: [UInt8] = []) async throws -> SilentListener {
    let channel = try await ServerBootstrap(group: MultiThreadedEventLoopGroup.singleton)
      .childChannelInitializer { channel in
        channel.eventLoop.makeCompletedFuture {
          try channel.pipeline.syncOperations.addHandler(Greeter(greeting))
        }
      }
      .bind(host: "127.0.0.1", port: 0).get()
    return SilentListener(channel: channel, port: channel.localAddress?.port ?? 0)
  }

  func stop() async throws { try await channel.close() }

  private final class Greeter: ChannelInboundHandler {
    typealias InboundIn = ByteBuffer
    typealias OutboundOut = ByteBuffer
    private let greeting: [UInt8]

    init(_ greeting: [UInt8]) { self.greeting = greeting }

    func channelActive(context: ChannelHandlerContext) {
      guard !greeting.isEmpty else { return }
      context.writeAndFlush(wrapOutboundOut(ByteBuffer(bytes: greeting)), promise: nil)
    }
  }
}
