package import Codec
package import Engine
package import Logging
package import RaftLog
package import Runtime

/// The dependencies of a store: everything that differs between a machine and a simulation.
package struct RaftstoreEnvironment: Sendable {
  package var engine: any KVEngine
  package var logs: any RaftLogStore
  package var snapshots: SnapManager
  package var transport: any Transport
  package var pd: any PDClient
  package var host: any WorkerHost
  package var metrics: Metrics
  package var logger: Logger
  /// Seeds every random choice of the store.
  package var seed: UInt64
  /// Bytes in all and free on the disk of the store, for heartbeats.
  package var diskSpace: @Sendable () -> (capacity: UInt64, available: UInt64)
  /// Called once when the store's disk can no longer be trusted: the process must end, and must not
  /// acknowledge anything from then on.
  package var onFatal: @Sendable (_ reason: String) -> Void
  /// Reads the expiry of a stored value, in seconds of Unix time, 0 for never; nil for values that never expire.
  package var valueExpiry: (@Sendable (RawSpan) -> UInt64?)?
  /// Nil for a store without transactions.
  package var readGuard: (any ReadGuard)?

  package init(
    engine: any KVEngine, logs: any RaftLogStore, snapshots: SnapManager,
    transport: any Transport, pd: any PDClient, host: any WorkerHost,
    metrics: Metrics, logger: Logger, seed: UInt64,
    diskSpace: @escaping @Sendable () -> (capacity: UInt64, available: UInt64),
    onFatal: @escaping @Sendable (_ reason: String) -> Void,
    valueExpiry: (@Sendable (RawSpan) -> UInt64?)? = nil, readGuard: (any ReadGuard)? = nil
  ) {
    self.engine = engine
    self.logs = logs
    self.snapshots = snapshots
    self.transport = transport
    self.pd = pd
    self.host = host
    self.metrics = metrics
    self.logger = logger
    self.seed = seed
    self.diskSpace = diskSpace
    self.onFatal = onFatal
    self.valueExpiry = valueExpiry
    self.readGuard = readGuard
  }
}
