package import Codec
package import Engine

/// A node's data as request handlers see it: read under a region's rules, written atomically.
///
/// Two implementations exist: replicated by raft, and the engine alone. A handler cannot tell which.
package protocol Storage: Sendable {
  /// Reads on the calling thread if that is allowed right now: a lease holds, or nothing is
  /// replicated. May wait for the disk: not for event loops.
  ///
  /// - Parameter body: gets one moment of the data and the range of the region; keys outside it are not
  ///   its business. It may be run without success.
  /// - Returns: nil when `read` must be asked.
  func tryLocalRead<T>(
    _ context: RequestContext, _ body: (any KVReader, KeyRange) throws(StorageError) -> T
  ) -> Result<T, StorageError>?

  /// One key's value, as `tryLocalRead` would return it, if it is in memory: for event loops. Nil inside means
  /// that there is none.
  func tryLocalGet(
    _ context: RequestContext, _ cf: DataCF, _ key: [UInt8]
  ) -> Result<[UInt8]?, StorageError>?

  /// Reads a view that holds everything acknowledged before the call.
  ///
  /// - Parameters:
  ///   - executor: runs `body` and `completion`, so that no worker of the store does the requester's
  ///     work.
  ///   - completion: called exactly once.
  func read<T: Sendable>(
    _ context: RequestContext, on executor: @escaping StorageExecutor,
    _ body: @escaping @Sendable (any KVReader, KeyRange) throws(StorageError) -> T,
    _ completion: @escaping @Sendable (Result<T, StorageError>) -> Void)

  /// Makes all changes or none; they are durable and visible when `completion` says so.
  ///
  /// - Parameter completion: called exactly once, on any thread; it must not block.
  func write(
    _ context: RequestContext, _ mutations: [Mutation],
    _ completion: @escaping @Sendable (Result<Void, StorageError>) -> Void)
}

/// Runs work somewhere else, soon: a request's event loop.
package typealias StorageExecutor = @Sendable (@escaping @Sendable () -> Void) -> Void
