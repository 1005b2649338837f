package import NIOCore
import NIOPosix
import RPC

/// A client of a server's status port: one GET over HTTP/1.1 per connection.
package enum StatusClient {
  /// A response may not be larger.
  static let maxBytes = 64 << 20

  /// The body of `path` at `address` (`host:port`).
  package static func get(
    _ path: String, at address: String, group: any EventLoopGroup, timeout: TimeAmount
  ) async throws(ClientError) -> [UInt8] {
    guard let target = RPCTarget(address) else {
      throw .invalidArgument("invalid address '\(address)': expected host:port")
    }
    let answer: [UInt8]
    do {
      answer = try await exchange(path, target, group, timeout)
    } catch {
      throw .unreachable("http://\(target)\(path): \(error)")
    }
    let response: StatusResponse
    do throws(StatusResponse.Malformed) {
      response = try StatusResponse(answer)
    } catch {
      throw .malformedResponse("http://\(target)\(path): \(error.reason)")
    }
    guard response.code == 200 else {
      throw .refused("http://\(target)\(path) returned status \(response.code)")
    }
    return response.body
  }

  /// All that the server sends until it closes the connection.
  private static func exchange(
    _ path: String, _ target: RPCTarget, _ group: any EventLoopGroup, _ timeout: TimeAmount
  ) async throws -> [UInt8] {
    let loop = group.next()
    let done = loop.makePromise(of: [UInt8].self)
    let alarm = loop.scheduleTask(in: timeout) {
      done.fail(Failure(description: "no response in \(timeout.nanoseconds / 1_000_000) ms"))
    }
    done.futureResult.whenComplete { _ in alarm.cancel() }
    let connecting = ClientBootstrap(group: loop)
      .connectTimeout(timeout)
      .channelInitializer { channel in
        channel.eventLoop.makeCompletedFuture {
          try channel.closeOnExec()
          try channel.pipeline.syncOperations.addHandler(Gatherer(done))
        }
      }
      .connect(host: target.host, port: target.port)
    connecting.cascadeFailure(to: done)
    connecting.whenSuccess { channel in
      let request =
        "GET \(path) HTTP/1.1\r\nHost: \(target)\r\nAccept: application/json\r\n"
        + "Connection: close\r\n\r\n"
      channel.writeAndFlush(ByteBuffer(string: request)).cascadeFailure(to: done)
      done.futureResult.whenComplete { _ in channel.close(promise: nil) }
    }
    return try await done.futureResult.get()
  }

  struct Failure: Error, CustomStringConvertible {
    var description: String
  }

  private final class Gatherer: ChannelInboundHandler {
    typealias InboundIn = ByteBuffer
    private let done: EventLoopPromise<[UInt8]>
    private var bytes: [UInt8] = []

    init(_ done: EventLoopPromise<[UInt8]>) {
      self.done = done
    }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
      bytes.append(contentsOf: unwrapInboundIn(data).readableBytesView)
      if bytes.count > StatusClient.maxBytes {
        done.fail(Failure(description: "the response exceeds \(StatusClient.maxBytes) bytes"))
      }
    }

    func channelInactive(context: ChannelHandlerContext) { done.succeed(bytes) }

    func errorCaught(context: ChannelHandlerContext, error: any Error) {
      done.fail(error)
    }
  }
}
