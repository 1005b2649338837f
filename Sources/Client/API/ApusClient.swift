public import NIOCore
import NIOPosix

/// A client of an Apus or TiKV cluster.
///
/// ```swift
/// let client = try await ApusClient.connect(to: ["127.0.0.1:2379"])
/// try await client.raw.put(Array("swift".utf8), Array("apus".utf8))
/// let value = try await client.raw.get(Array("swift".utf8))
/// client.close()
/// ```
///
/// The client looks up regions and their leaders in the placement driver and caches them. It retries with
/// growing pauses when a region has moved, has split or has no leader. Usable from any task.
public final class ApusClient: Sendable {
  let session: ClusterSession

  init(session: ClusterSession) {
    self.session = session
  }

  /// Connects to a cluster.
  ///
  /// - Parameters:
  ///   - endpoints: placement drivers of the cluster, `host:port`, with or without `http://`. One that
  ///     responds is enough.
  ///   - group: the event loops of the sockets; it must outlive the client. Nil: the shared loops of the
  ///     process.
  /// - Throws: `invalidArgument` for a malformed endpoint, `unreachable` if none responds in time.
  public static func connect(
    to endpoints: [String], options: ClientOptions = ClientOptions(),
    group: (any EventLoopGroup)? = nil
  ) async throws(ClientError) -> ApusClient {
    try await connect(
      to: endpoints, options: options,
      group: group ?? MultiThreadedEventLoopGroup.singleton, time: .system)
  }

  /// The same with a clock and a random source.
  package static func connect(
    to endpoints: [String], options: ClientOptions, group: any EventLoopGroup, time: ClientTime
  ) async throws(ClientError) -> ApusClient {
    let session = try ClusterSession(
      endpoints: endpoints, options: options, group: group, time: time)
    try await session.pd.connect()
    return ApusClient(session: session)
  }

  /// Reads and writes of keys and values outside transactions.
  public var raw: RawClient { RawClient(session: session) }

  /// Queries of the placement driver.
  public var cluster: ClusterClient { ClusterClient(session: session) }

  /// Closes every connection. Calls in progress fail.
  public func close() { session.close() }
}

/// Timeouts and retry limits of a client.
public struct ClientOptions: Sendable {
  /// The longest duration of an operation, retries and pauses included.
  public var timeout: Duration = .seconds(20)
  /// The longest duration of one call to a store before the next attempt.
  public var attemptTimeout: Duration = .seconds(5)
  /// How long `connect` looks for a placement driver. Each endpoint is tried at least once.
  public var connectTimeout: Duration = .seconds(5)
  /// How long a connection to a store may take to be ready.
  package var linkTimeout: Duration = .seconds(2)
  /// Connections to each store, used in turn.
  public var connectionsPerStore = 1
  /// Whether a raw write whose outcome is unknown is sent again. It may then take effect twice, even after a
  /// later write to the same key was acknowledged. If false, it fails as `undetermined` at once.
  public var retriesUndeterminedWrites = true
  /// The most pairs that a scan requests at once.
  public var scanPage = 1024
  /// The most keys, and the most bytes of keys and values, in one request of a batch; the rest goes into
  /// further requests.
  public var batchKeys = 512
  public var batchBytes = 256 << 10

  public init() {}
}
