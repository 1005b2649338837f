package import NIOCore
package import SwiftProtobuf

/// The sending side of a call with streams, on the client. Usable from any thread; what one thread
/// sends goes out in that order.
package struct ClientStream: Sendable {
  let stream: ClientCallStream

  /// Queues an encoded message. Ignored once the call is over.
  package func send(_ payload: ByteBuffer) { stream.send(payload) }

  /// Encodes on the calling thread and queues. A message that cannot be encoded cancels the call.
  package func send(message: some Message) {
    do throws(RPCStatus) {
      send(try MessageCoding.encode(message))
    } catch {
      stream.cancel(error)
    }
  }

  /// Nothing more will be sent; messages may still come.
  package func finish() { stream.finish(.ok) }

  /// Gives the call up: it closes with `cancelled`.
  package func cancel() { stream.cancel(RPCStatus(.cancelled, "cancelled by the caller")) }

  /// False while more is queued than the send buffer should hold: wait for `onWritable`.
  package var isWritable: Bool { pendingBytes < stream.sendBuffer }
  /// Bytes queued and not yet passed to the socket.
  package var pendingBytes: Int { stream.pending.load(ordering: .relaxed) }

  /// Calls `body` on the event loop each time the queue has drained to half of the send buffer
  /// after having been full. Replaces the former one.
  package func onWritable(_ body: (@Sendable () -> Void)?) { stream.setOnWritable(body) }

  /// Passes a message over once the queue has capacity. Throws when the call is over.
  package func sendWhenWritable(_ payload: ByteBuffer) async throws(RPCStatus) {
    try await stream.waitForCapacity()
    send(payload)
  }

  /// From now on each delivered message counts against the server's window until `consumed`.
  /// Call it before the first message is handled.
  package func holdReceived() { stream.setManual() }

  /// The receiver is done with a delivered message of this many bytes.
  package func consumed(_ bytes: Int) { stream.consumed(bytes) }

  package var isOver: Bool { stream.isOver.load(ordering: .relaxed) }
  package var eventLoop: any EventLoop { stream.eventLoop }

  /// Runs `work` on the call's event loop, sharing one wake-up with everything else sent there.
  package func execute(_ work: @escaping @Sendable () -> Void) { stream.execute(work) }
}
