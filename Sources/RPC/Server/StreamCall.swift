package import NIOCore
package import SwiftProtobuf

/// The sending side of a call with streams, on the server. Usable from any thread; what one thread
/// sends goes out in that order.
package struct StreamCall: Sendable {
  let stream: ServerCallStream

  /// Queues an encoded message. Ignored after `finish` and after cancellation.
  package func send(_ payload: ByteBuffer) { stream.send(payload) }

  /// Encodes on the calling thread and queues. A message that cannot be encoded ends the call.
  package func send(message: some Message) {
    do throws(RPCStatus) {
      send(try MessageCoding.encode(message))
    } catch {
      finish(error)
    }
  }

  /// Ends the call after what was sent before. Later calls are ignored.
  package func finish(_ status: RPCStatus = .ok) { stream.finish(status) }

  /// Notifies the client now, before any message, that the call was accepted.
  package func sendHeaders() { stream.execute { [stream] in stream.pushOut() } }

  /// False while more is queued than the send buffer should hold: wait for `onWritable`.
  package var isWritable: Bool { pendingBytes < stream.sendBuffer }
  /// Bytes queued and not yet passed to the socket.
  package var pendingBytes: Int { stream.pending.load(ordering: .relaxed) }

  /// Calls `body` on the event loop each time the queue has drained to half of the send buffer
  /// after having been full. Replaces the former one.
  package func onWritable(_ body: (@Sendable () -> Void)?) {
    stream.setOnWritable(body)
  }

  /// Passes a message over once the queue has capacity. Throws when the call is over.
  package func sendWhenWritable(_ payload: ByteBuffer) async throws(RPCStatus) {
    try await stream.waitForCapacity()
    send(payload)
  }

  /// Whether responses to more requests may be produced: there is capacity in this stream's queue, its
  /// connection's, and the server's memory. On the event loop only.
  package var hasCapacity: Bool { stream.hasCapacity }

  /// Calls the handler's `onCapacity` once `hasCapacity`; no message is delivered before. On the event loop only.
  package func awaitCapacity() { stream.awaitCapacity() }

  /// Whether far more is queued than expected: a response of `size` bytes, above `smallResponse`, should be an
  /// error instead.
  package func isOverdrawn(adding size: Int) -> Bool {
    stream.ledger?.isOverdrawn(adding: size, insteadOf: 0) ?? false
  }

  /// Responses of up to so many bytes are given in any case.
  package static let smallResponse = ServerCallStream.smallResponse

  /// Counts `bytes` of a response that is ready and not yet sent; later off again, with a minus. Any
  /// thread.
  package func count(_ bytes: Int) { stream.ledger?.add(bytes) }

  /// Encodes and queues a response; a large one ends the call when far more is queued than expected.
  package func send(response: some Message) {
    do throws(RPCStatus) {
      let payload = try MessageCoding.encode(response)
      let size = payload.readableBytes
      if size > Self.smallResponse, isOverdrawn(adding: size) {
        return finish(
          RPCStatus(.resourceExhausted, "too many unread bytes queued for the client"))
      }
      send(payload)
    } catch {
      finish(error)
    }
  }

  /// Delivers no message until `resumeReceiving`. On the event loop only.
  package func pauseReceiving() { stream.receiveWindow.isPaused = true }

  /// Ends `pauseReceiving`. On the event loop only.
  package func resumeReceiving() { stream.resumeReceiving() }

  /// Messages are delivered even while responses wait: for streams that matter more than others and are
  /// hardly completed at all. Call it before the first message is handled.
  package func receiveAlways() {
    stream.receiveWindow.isGated = false
    stream.receiveWindow.isServedAlways = true
  }

  /// From now on each delivered message counts against the client's window until `consumed`.
  /// Call it before the first message is handled.
  package func holdReceived() { stream.setManual() }

  /// The receiver is done with a delivered message of this many bytes.
  package func consumed(_ bytes: Int) { stream.consumed(bytes) }

  /// The method's path.
  package var path: String { stream.path }
  package var metadata: RPCMetadata { stream.metadata }
  package var deadline: NIODeadline? { stream.clientDeadline }
  package var isCancelled: Bool { stream.isOver.load(ordering: .relaxed) }
  package var eventLoop: any EventLoop { stream.eventLoop }

  /// Runs `work` after the event loop's sockets had their turn: for the continuation of what takes long. On
  /// the event loop only.
  package func executeAfterIO(_ work: @escaping () -> Void) { stream.outbox.executeAfterIO(work) }

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
