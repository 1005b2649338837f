package import Codec
package import Engine
package import Runtime

/// `PDCore` behind a mailbox: it handles calls in order, on one thread.
package struct PDHandler: Handler {
  /// Callbacks for messages that PD sends without a request. All are called on its thread.
  package struct PushHandlers: Sendable {
    /// Called once, when the state was read, or with the reason why every call will fail.
    package var opened: @Sendable (Result<OpenedPD, PDError>) -> Void
    /// Operator steps to be sent to leaders without waiting for their next heartbeats.
    package var deliver: @Sendable ([RegionOperator]) -> Void
    /// An event for the log.
    package var notice: @Sendable (PDNotice) -> Void
    /// Called once: the state cannot be written any longer and the process must end.
    package var failed: @Sendable (PDError) -> Void

    package init(
      opened: @escaping @Sendable (Result<OpenedPD, PDError>) -> Void,
      deliver: @escaping @Sendable ([RegionOperator]) -> Void,
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
  private let push: PushHandlers
  private var metrics: PDMetrics?
  private var hasFailed = false

  /// Opens PD's state: call it on the handler's thread, inside `WorkerHost.spawn`.
  package init(
    engine: any KVEngine, config: PDConfig, newClusterID: UInt64, clock: any Clock,
    metrics: Metrics?, push: PushHandlers
  ) {
    self.clock = clock
    self.push = push
    self.metrics = metrics.map { PDMetrics($0) }
    do throws(PDError) {
      let core = try PDCore(
        engine: engine, config: config, newClusterID: newClusterID, at: ClockReading(clock))
      state = .success(core)
      push.opened(
        .success(OpenedPD(clusterID: core.clusterID, timestamps: core.timestamps)))
    } catch {
      state = .failure(error)
      push.opened(.failure(error))
    }
  }

  package mutating func handle(_ batch: [PDMessage]) {
    let reading = ClockReading(clock)
    for message in batch {
      switch message {
      case .call(let call):
        call.run(state, reading)
      case .storeDisconnected(let id):
        if case .success(let core) = state { core.storeDisconnected(id, reading) }
      case .tick:
        if case .success(let core) = state { tick(core, reading) }
      }
    }
    guard case .success(let core) = state else { return }
    for notice in core.takeNotices() { push.notice(notice) }
    if let failure = core.failure { report(failure) }
  }

  private mutating func tick(_ core: PDCore, _ reading: ClockReading) {
    do throws(PDError) {
      let steps = try core.tick(reading)
      if !steps.isEmpty { push.deliver(steps) }
      metrics?.update(core, reading)
    } catch {
      report(error)
    }
  }

  private mutating func report(_ failure: PDError) {
    guard !hasFailed else { return }
    hasFailed = true
    push.failed(failure)
  }
}

/// What others need of a placement driver whose state was read.
package struct OpenedPD: Sendable {
  package let clusterID: UInt64
  package let timestamps: TimestampService
}
