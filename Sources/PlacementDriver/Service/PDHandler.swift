package import Engine
package import Runtime

/// The driver behind a mailbox.
package struct PDHandler: Handler {
  /// Callbacks for messages that PD sends without a request. All are called on its thread.
  package struct PushHandlers: Sendable {
    /// Called once, when the state was read: the cluster's id, or why there will be no service.
    package var opened: @Sendable (Result<UInt64, PDError>) -> Void
    /// Commands for leaders that no heartbeat asked for.
    package var deliver: @Sendable ([HeartbeatResponse]) -> Void
    /// What the log should say.
    package var notice: @Sendable (PDNotice) -> Void
    /// Called once: the state cannot be written any longer and the process must end.
    package var failed: @Sendable (PDError) -> Void

    package init(
      opened: @escaping @Sendable (Result<UInt64, PDError>) -> Void,
      deliver: @escaping @Sendable ([HeartbeatResponse]) -> Void,
      notice: @escaping @Sendable (PDNotice) -> Void = { _ in },
      failed: @escaping @Sendable (PDError) -> Void
    ) {
      self.opened = opened
      self.deliver = deliver
      self.notice = notice
      self.failed = failed
    }
  }

  private let state: Result<PDCore, PDError>
  private let clock: any Clock
  private let outlets: PushHandlers
  private var metrics: PDMetrics?
  private var hasFailed = false

  /// Opens the driver: call it where the handler will live, inside `WorkerHost.spawn`.
  package init(
    engine: any KVEngine, config: PDConfig, newClusterID: UInt64, clock: any Clock,
    metrics: Metrics?, outlets: PushHandlers
  ) {
    self.clock = clock
    self.outlets = outlets
    self.metrics = metrics.map { PDMetrics($0) }
    do throws(PDError) {
      let driver = try PDCore(
        engine: engine, config: config, newClusterID: newClusterID, at: ClockReading(clock))
      state = .success(driver)
      outlets.opened(.success(driver.clusterID))
    } catch {
      state = .failure(error)
      outlets.opened(.failure(error))
    }
  }

  package mutating func handle(_ batch: [PDMessage]) {
    let reading = ClockReading(clock)
    for message in batch {
      switch message {
      case .call(let call):
        call.run(state, reading)
      case .storeDisconnected(let id):
        if case .success(let driver) = state { driver.storeDisconnected(id, reading) }
      case .tick:
        if case .success(let driver) = state { tick(driver, reading) }
      }
    }
    guard case .success(let driver) = state else { return }
    for notice in driver.takeNotices() { outlets.notice(notice) }
    if let failure = driver.failure { report(failure) }
  }

  private mutating func tick(_ driver: PDCore, _ reading: ClockReading) {
    do throws(PDError) {
      let replies = try driver.tick(reading)
      if !replies.isEmpty { outlets.deliver(replies) }
      metrics?.update(driver, reading)
    } catch {
      report(error)
    }
  }

  private mutating func report(_ failure: PDError) {
    guard !hasFailed else { return }
    hasFailed = true
    outlets.failed(failure)
  }
}
