package import Engine
package import Runtime

/// The driver behind a mailbox.
package struct PlacementDriverHandler: Handler {
  /// What the driver tells without being asked. All are called on its thread.
  package struct Outlets: Sendable {
    /// Told once, when the state was read: the cluster's id, or why there will be no service.
    package var opened: @Sendable (Result<UInt64, PlacementError>) -> Void
    /// Commands for leaders that no heartbeat asked for.
    package var deliver: @Sendable ([HeartbeatReply]) -> Void
    /// Told once: the state cannot be written any longer and the process must end.
    package var failed: @Sendable (PlacementError) -> Void

    package init(
      opened: @escaping @Sendable (Result<UInt64, PlacementError>) -> Void,
      deliver: @escaping @Sendable ([HeartbeatReply]) -> Void,
      failed: @escaping @Sendable (PlacementError) -> Void
    ) {
      self.opened = opened
      self.deliver = deliver
      self.failed = failed
    }
  }

  private let state: Result<PlacementDriver, PlacementError>
  private let clock: any Clock
  private let outlets: Outlets
  private var metrics: PlacementDriverMetrics?
  private var hasFailed = false

  /// Opens the driver: call it where the handler will live, inside `WorkerHost.spawn`.
  package init(
    engine: any KVEngine, config: PlacementConfig, newClusterID: UInt64, clock: any Clock,
    metrics: Metrics?, outlets: Outlets
  ) {
    self.clock = clock
    self.outlets = outlets
    self.metrics = metrics.map { PlacementDriverMetrics($0) }
    do throws(PlacementError) {
      let driver = try PlacementDriver(
        engine: engine, config: config, newClusterID: newClusterID, at: Moment(clock))
      state = .success(driver)
      outlets.opened(.success(driver.clusterID))
    } catch {
      state = .failure(error)
      outlets.opened(.failure(error))
    }
  }

  package mutating func handle(_ batch: [PlacementDriverMessage]) {
    let moment = Moment(clock)
    for message in batch {
      switch message {
      case .call(let call):
        call.run(state, moment)
      case .storeDisconnected(let id):
        if case .success(let driver) = state { driver.storeDisconnected(id, moment) }
      case .tick:
        if case .success(let driver) = state { tick(driver, moment) }
      }
    }
    if case .success(let driver) = state, let failure = driver.failure { report(failure) }
  }

  private mutating func tick(_ driver: PlacementDriver, _ moment: Moment) {
    do throws(PlacementError) {
      let replies = try driver.tick(moment)
      if !replies.isEmpty { outlets.deliver(replies) }
      metrics?.update(driver, moment)
    } catch {
      report(error)
    }
  }

  private mutating func report(_ failure: PlacementError) {
    guard !hasFailed else { return }
    hasFailed = true
    outlets.failed(failure)
  }
}
