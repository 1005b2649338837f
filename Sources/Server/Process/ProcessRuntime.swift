package import Logging
import NIOCore
package import NIOPosix
package import RPC
package import Runtime

/// The runtime of a server process: event loops, threads, clocks, files, metrics.
package final class ProcessRuntime: Sendable {
  package let group: MultiThreadedEventLoopGroup
  /// One event loop for raft messages: what clients ask for delays no heartbeat. Without raft: `group`.
  package let raftGroup: MultiThreadedEventLoopGroup
  /// One event loop for the status port: what is asked there delays neither clients nor raft.
  package let statusGroup: MultiThreadedEventLoopGroup
  package let host = ThreadHost()
  package let files: any FileSystem = SystemFileSystem()
  package let metrics = Metrics()
  package let descriptors: DescriptorPlan
  /// What the requests and replies of clients hold, over all the process's servers.
  package let clientBytes = ByteBudget(limit: 512 << 20)
  /// The same for stores' connections to this one.
  package let raftBytes = ByteBudget(limit: 256 << 20)
  package let logger: Logger
  /// Called at most once per cause: the disk is not to be trusted and the process must end, with a
  /// status that is not 0.
  package let onFatal: @Sendable (_ reason: String) -> Void

  /// - Parameter tables: table files that each of the process's databases would like to keep open.
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
    // The loops' own descriptors: NIO leaves them open for programs that this process starts.
    Descriptors.setCloseOnExecForAll()
    self.logger = logger
    ProcessMetrics.register(metrics, clock: host.clock)
    self.onFatal = { reason in
      logger.critical("the process must stop", metadata: ["reason": "\(reason)"])
      onFatal(reason)
    }
  }

  /// Ends the threads; nothing may use them any more.
  package func shutdown() async {
    // Timers first: they would call on event loops that are gone.
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
