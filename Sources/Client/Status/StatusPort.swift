package import NIOCore
import NIOPosix
import RPC

/// One question to a server's status port: a GET over HTTP/1.1 and its answer, on a connection of its own.
package enum StatusPort {
  /// An answer may not be larger.
  static let maxBytes = 64 << 20

  /// The body of `path` at `address` (`host:port`).
  package static func get(
    _ path: String, at address: String, group: any EventLoopGroup, timeout: TimeAmount
  ) async throws(ClientError) -> [UInt8] {
    guard let target = RPCTarget(address) else {
      throw .invalidArgument("'\(address)' is not an address (host:port)")
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
      throw .malformedAnswer("http://\(target)\(path): \(error.reason)")
    }
    guard response.code == 200 else {
      throw .refused("http://\(target)\(path) answered with status \(response.code)")
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
      done.fail(Failure(description: "no answer in \(timeout.nanoseconds / 1_000_000) ms"))
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
      if bytes.count > StatusPort.maxBytes {
        done.fail(Failure(description: "the answer is over \(StatusPort.maxBytes) bytes"))
      }
    }

    func channelInactive(context: ChannelHandlerContext) { done.succeed(bytes) }

    func errorCaught(context: ChannelHandlerContext, error: any Error) {
      done.fail(error)
    }
  }
}
