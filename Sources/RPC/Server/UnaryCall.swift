package import NIOCore
package import SwiftProtobuf

/// A unary call waiting for its response. Complete it exactly once, from any thread.
package struct UnaryCall: Sendable {
  let stream: ServerCallStream

  /// Responds with an encoded message.
  package func reply(_ payload: ByteBuffer) {
    guard stream.claimResponse() else { return }
    stream.respond(payload)
  }

  /// Responds with an encoded message.
  package func reply(_ payload: [UInt8]) { reply(ByteBuffer(bytes: payload)) }

  /// Encodes on the calling thread and responds.
  package func reply(message: some Message) {
    do throws(RPCStatus) {
      reply(try MessageCoding.encode(message))
    } catch {
      fail(error)
    }
  }

  /// Responds with a status instead of a message.
  package func fail(_ status: RPCStatus) {
    guard stream.claimResponse() else { return }
    stream.respond(status)
  }

  /// The method's path.
  package var path: String { stream.path }
  package var metadata: RPCMetadata { stream.metadata }
  /// When the client stops waiting; nil if it did not set a timeout.
  package var deadline: NIODeadline? { stream.clientDeadline }
  /// The client no longer waits for the response (which must be given all the same).
  package var isCancelled: Bool { stream.isOver.load(ordering: .relaxed) }
  package var eventLoop: any EventLoop { stream.eventLoop }

  /// Counts a request that is passed to another thread; false, and not counted, when the connection has
  /// `limit` of them. Each that was counted must be followed by one `endQueued`. Any thread.
  package func beginQueued(limit: Int) -> Bool {
    stream.ledger?.beginQueued(limit: limit) ?? true
  }

  /// Ends what `beginQueued` counted. Any thread.
  package func endQueued() { stream.ledger?.endQueued() }

  /// Runs `work` on the call's event loop, sharing one wake-up with everything else sent there.
  package func execute(_ work: @escaping @Sendable () -> Void) { stream.execute(work) }
}
