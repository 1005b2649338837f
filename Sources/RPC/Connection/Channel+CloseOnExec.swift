package import NIOCore
import Runtime

extension Channel {
  /// Keeps the channel's socket from programs that this process starts; NIO leaves it open for them. Call
  /// it in the channel's initializer, on its event loop.
  package func closeOnExec() throws {
    try pipeline.syncOperations.withUnsafeTransportIfAvailable(of: NIOBSDSocket.Handle.self) {
      Descriptors.setCloseOnExec($0)
    }
  }
}
