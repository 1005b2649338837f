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
