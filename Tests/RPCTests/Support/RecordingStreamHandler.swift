import NIOCore
import Synchronization

@testable import RPC

/// Gathers a call's messages until it closes.
final class RecordingStreamHandler: ClientStreamHandler, Sendable {
  struct Outcome: Sendable {
    var messages: [ByteBuffer]
    var status: RPCStatus
  }

  let closed = Signal(of: Outcome.self)
  let first = Signal(of: ByteBuffer.self)
  private let messages = Mutex<[ByteBuffer]>([])

  func onMessage(_ message: ByteBuffer) {
    messages.withLock { $0.append(message) }
    first.send(message)
  }

  func onClose(_ status: RPCStatus) {
    first.fail(status)
    closed.send(Outcome(messages: messages.withLock { $0 }, status: status))
  }
}
