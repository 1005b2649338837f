import NIOCore

/// What another thread asks of a stream's event loop.
enum OutboxItem: Sendable {
  case send(CallStream, ByteBuffer)
  case sendAndFinish(CallStream, ByteBuffer)
  case finish(CallStream, RPCStatus)
  case run(@Sendable () -> Void)
}
