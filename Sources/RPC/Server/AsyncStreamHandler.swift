import NIOCore

/// Runs a call as a task, fed through an `AsyncMessages`.
final class AsyncStreamHandler: StreamHandler {
  private let continuation: AsyncThrowingStream<ByteBuffer, any Error>.Continuation
  private let task: Task<Void, Never>

  init(call: StreamCall, body: @escaping MethodRouter.AsyncBody) {
    let (base, continuation) = AsyncThrowingStream<ByteBuffer, any Error>.makeStream()
    self.continuation = continuation
    let messages = AsyncMessages(base: base, stream: call.stream)
    call.holdReceived()
    task = Task {
      do {
        call.finish(try await body(messages, call))
      } catch let status as RPCStatus {
        call.finish(status)
      } catch is CancellationError {
        call.finish(RPCStatus(.cancelled))
      } catch {
        call.finish(RPCStatus(.internal, "\(error)"))
      }
    }
  }

  func onMessage(_ message: ByteBuffer) { continuation.yield(message.compacted()) }

  func onHalfClose() { continuation.finish() }

  func onCancel(_ status: RPCStatus) {
    continuation.finish(throwing: status)
    task.cancel()
  }
}
