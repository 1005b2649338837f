public import NIOCore
import NIOPosix

/// A client of an Apus or TiKV cluster.
///
/// ```swift
/// let client = try await ApusClient.connect(to: ["127.0.0.1:2379"])
/// try await client.raw.put(Array("swift".utf8), Array("apus".utf8))
/// let value = try await client.raw.get(Array("swift".utf8))
/// await client.close()
/// ```
///
/// It finds regions and their leaders by the placement driver, remembers them, and tries again with
/// growing pauses where a region moved, split or is between leaders. Usable from any task.
public final class ApusClient: Sendable {
  let session: ClusterSession

  init(session: ClusterSession) {
    self.session = session
  }

  /// Finds the cluster behind any of `endpoints` (`host:port`, with or without `http://`).
  ///
  /// - Parameter group: what sockets live on; it must outlive the client. Nil: the threads that all
  ///   clients of the process share.
  public static func connect(
    to endpoints: [String], options: ClientOptions = ClientOptions(),
    group: (any EventLoopGroup)? = nil
  ) async throws(ClientError) -> ApusClient {
    try await connect(
      to: endpoints, options: options,
      group: group ?? MultiThreadedEventLoopGroup.singleton, time: .system)
  }

  /// As above, with time and chance passed in.
  package static func connect(
    to endpoints: [String], options: ClientOptions, group: any EventLoopGroup, time: ClientTime
  ) async throws(ClientError) -> ApusClient {
    let session = try ClusterSession(
      endpoints: endpoints, options: options, group: group, time: time)
    try await session.pd.connect()
    return ApusClient(session: session)
  }

  /// Untyped keys and values, one key at a time or many.
  public var raw: RawClient { RawClient(session: session) }

  /// What the placement driver knows of the cluster.
  public var cluster: ClusterClient { ClusterClient(session: session) }

  /// Closes every connection. Calls under way fail.
  public func close() { session.close() }
}

/// Timeouts and retry limits of a client.
public struct ClientOptions: Sendable {
  /// How long one operation may take in all, retries and pauses included.
  public var timeout: Duration = .seconds(20)
  /// How long one attempt at a store may take before another is made.
  public var attemptTimeout: Duration = .seconds(5)
  /// How long to look for a placement driver at first. Each endpoint is tried at least once.
  public var connectTimeout: Duration = .seconds(5)
  /// Connections to each store, used in turn.
  public var connectionsPerStore = 1
  /// Whether a raw write whose outcome is unknown is sent again. It may then take effect twice, also
  /// after a later write to the same key was acknowledged; otherwise it fails as `undetermined` at once.
  public var retriesUndeterminedWrites = true
  /// Most pairs asked of a store at once by a scan, and most keys in one batch.
  public var scanPage = 1024
  public var batchKeys = 512
  public var batchBytes = 256 << 10

  public init() {}
}
