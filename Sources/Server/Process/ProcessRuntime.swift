package import Logging
import NIOCore
package import NIOPosix
package import RPC
package import Runtime

/// The runtime of a server process: event loops, threads, clocks, files, metrics. Any thread.
package final class ProcessRuntime: Sendable {
  /// Event loops for clients.
  package let group: MultiThreadedEventLoopGroup
  /// One event loop for raft messages, so that requests of clients delay no heartbeat. Without raft: `group`.
  package let raftGroup: MultiThreadedEventLoopGroup
  /// One event loop for the status port, so that its requests delay neither clients nor raft.
  package let statusGroup: MultiThreadedEventLoopGroup
  package let host = ThreadHost()
  package let files: any FileSystem = SystemFileSystem()
  package let metrics = Metrics()
  package let descriptors: DescriptorPlan
  /// Bytes held by requests and responses of clients, over all servers of the process.
  package let clientBytes = ByteBudget(limit: 512 << 20)
  /// The same for connections of other stores.
  package let raftBytes = ByteBudget(limit: 256 << 20)
  package let logger: Logger
  /// Called when the disk can no longer be trusted: the process must exit with a status other than 0. Any
  /// thread, at most once per cause.
  package let onFatal: @Sendable (_ reason: String) -> Void

  /// Raises the limit of file descriptors and starts the threads.
  ///
  /// - Parameters:
  ///   - eventLoops: threads of `group`.
  ///   - hasRaft: whether raft messages have their own event loop.
  ///   - tables: table files that each database of the process should keep open.
  package init(
    eventLoops: Int, hasRaft: Bool = false, tables: [Int], logger: Logger,
    onFatal: @escaping @Sendable (_ reason: String) -> Void
  ) throws(StartError) {
    descriptors = try DescriptorPlan(
      limit: DescriptorLimit.raise(), tables: tables,
      eventLoops: max(1, eventLoops) + (hasRaft ? 2 : 1))
    group = MultiThreadedEventLoopGroup(numberOfThreads: max(1, eventLoops))
    raftGroup = hasRaft ? MultiThreadedEventLoopGroup(numberOfThreads: 1) : group
    statusGroup = MultiThreadedEventLoopGroup(numberOfThreads: 1)
    // NIO does not set this on the descriptors of its loops.
    Descriptors.setCloseOnExecForAll()
    self.logger = logger
    ProcessMetrics.register(metrics, clock: host.clock)
    self.onFatal = { reason in
      logger.critical("the process must stop", metadata: ["reason": "\(reason)"])
      onFatal(reason)
    }
  }

  /// Ends the threads. Nothing may use the runtime afterwards.
  package func shutdown() async {
    // Timers first: they would use event loops that have ended.
    host.shutdown()
    do {
      try await statusGroup.shutdownGracefully()
      try await group.shutdownGracefully()
      if raftGroup !== group { try await raftGroup.shutdownGracefully() }
    } catch {
      logger.warning("event loop shutdown failed", metadata: ["error": "\(error)"])
    }
  }
}
