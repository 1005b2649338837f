package import NIOCore
import NIOHTTP1
import NIOPosix
import RPC

/// A client of a server's status port, or of another that serves plain HTTP: one request over HTTP/1.1 per connection.
package enum StatusClient {
  /// The largest body accepted, in bytes: far more than a page of 1,024 regions has.
  package static let maxBodyBytes = 64 << 20

  /// Fetches a page.
  ///
  /// - Parameters:
  ///   - path: path and query, as they are sent.
  ///   - address: `host:port` of the status port.
  ///   - timeout: from the call to the last byte of the body, the connection's setup included.
  ///   - maxBodyBytes: a larger body is an error. It is refused as soon as its length is known.
  /// - Returns: the body of a response of status 200.
  /// - Throws: `invalidArgument` for a malformed address; `unreachable` if no complete response arrives in
  ///   time; `malformedResponse` for what is not HTTP or too large; `refused` for any other status.
  package static func get(
    _ path: String, at address: String, group: any EventLoopGroup, timeout: TimeAmount,
    maxBodyBytes: Int = Self.maxBodyBytes
  ) async throws(ClientError) -> [UInt8] {
    let reply = try await send(
      "GET", path, body: [], to: address, group: group, timeout: timeout, maxBodyBytes: maxBodyBytes
    )
    guard reply.code == 200 else {
      throw .refused("http://\(address)\(path) returned status \(reply.code)")
    }
    return reply.body
  }

  /// Sends a request of any method with a body, and returns the response whatever its status is. Errors are those of
  /// `get`.
  package static func send(
    _ method: String, _ path: String, body: [UInt8], to address: String, group: any EventLoopGroup,
    timeout: TimeAmount, maxBodyBytes: Int = Self.maxBodyBytes
  ) async throws(ClientError) -> (code: UInt, body: [UInt8]) {
    guard let target = RPCTarget(address) else {
      throw .invalidArgument("invalid address '\(address)': expected host:port")
    }
    let url = "http://\(target)\(path)"
    let response: NIOHTTPClientResponseFull
    do {
      response = try await exchange(
        HTTPMethod(rawValue: method), path, body, target, group, timeout, maxBodyBytes)
    } catch let error as NIOHTTPObjectAggregatorError where error == .frameTooLong {
      throw .malformedResponse("\(url): the body exceeds \(maxBodyBytes) bytes")
    } catch let error as HTTPParserError {
      throw .malformedResponse("\(url): \(error)")
    } catch {
      throw .unreachable("\(url): \(error)")
    }
    let bytes = response.body.map { [UInt8]($0.readableBytesView) } ?? []
    return (response.head.status.code, bytes)
  }

  /// Opens a connection, sends the request and closes the connection once the response is complete or has
  /// failed.
  private static func exchange(
    _ method: HTTPMethod, _ path: String, _ body: [UInt8], _ target: RPCTarget,
    _ group: any EventLoopGroup, _ timeout: TimeAmount,
    _ maxBodyBytes: Int
  ) async throws -> NIOHTTPClientResponseFull {
    let loop = group.next()
    let response = loop.makePromise(of: NIOHTTPClientResponseFull.self)
    let deadline = loop.scheduleTask(in: timeout) {
      response.fail(Failure(description: "no response in \(timeout.nanoseconds / 1_000_000) ms"))
    }
    response.futureResult.whenComplete { _ in deadline.cancel() }
    let connecting = ClientBootstrap(group: loop)
      .connectTimeout(timeout)
      .channelInitializer { channel in
        channel.eventLoop.makeCompletedFuture {
          try channel.closeOnExec()
          let pipeline = channel.pipeline.syncOperations
          try pipeline.addHTTPClientHandlers()
          try pipeline.addHandler(NIOHTTPClientResponseAggregator(maxContentLength: maxBodyBytes))
          try pipeline.addHandler(ResponseHandler(response))
        }
      }
      .connect(host: target.host, port: target.port)
    connecting.cascadeFailure(to: response)
    connecting.whenSuccess { channel in
      var head = HTTPRequestHead(
        version: .http1_1, method: method, uri: path,
        headers: ["Host": "\(target)", "Accept": "application/json", "Connection": "close"])
      if !body.isEmpty {
        head.headers.add(name: "Content-Type", value: "application/json")
        head.headers.add(name: "Content-Length", value: "\(body.count)")
      }
      channel.write(HTTPClientRequestPart.head(head), promise: nil)
      if !body.isEmpty {
        let bytes = channel.allocator.buffer(bytes: body)
        channel.write(HTTPClientRequestPart.body(.byteBuffer(bytes)), promise: nil)
      }
      channel.writeAndFlush(HTTPClientRequestPart.end(nil)).cascadeFailure(to: response)
      response.futureResult.whenComplete { _ in channel.close(promise: nil) }
    }
    return try await response.futureResult.get()
  }

  /// Why no complete response arrived, where NIO has no error for it.
  private struct Failure: Error, CustomStringConvertible {
    var description: String
  }

  /// Completes a promise by the first response, or by what prevents it.
  private final class ResponseHandler: ChannelInboundHandler {
    typealias InboundIn = NIOHTTPClientResponseFull
    private let response: EventLoopPromise<NIOHTTPClientResponseFull>

    init(_ response: EventLoopPromise<NIOHTTPClientResponseFull>) {
      self.response = response
    }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
      response.succeed(unwrapInboundIn(data))
    }

    func channelInactive(context: ChannelHandlerContext) {
      response.fail(
        Failure(description: "the connection was closed before the response was complete"))
    }

    func errorCaught(context: ChannelHandlerContext, error: any Error) {
      response.fail(error)
    }
  }
}
