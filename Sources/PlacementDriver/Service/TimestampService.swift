package import Codec
import Engine
package import Runtime
import Synchronization

/// The timestamps of a cluster. May be called on any thread: neither heartbeats nor scheduling nor other state that is
/// being saved delays a request.
///
/// A request waits for the disk only when the window of timestamps is used up. PD's tick extends the window before that,
/// and holds no lock that a request needs while it writes.
package final class TimestampService: Sendable {
  private struct Window {
    var storage: PDStorage
    /// What is on disk. Only grows.
    var end: UInt64
  }

  private let oracle: Mutex<TimestampOracle>
  /// Held while the end of a window is written, and taken before `oracle`.
  private let window: Mutex<Window>
  private let count = Atomic<UInt64>(0)

  /// - Parameter engine: where PD keeps its state.
  init(_ engine: any KVEngine) throws(PDError) {
    let storage = PDStorage(engine)
    let end = try TimestampOracle.storedEnd(storage)
    oracle = Mutex(TimestampOracle(after: end))
    window = Mutex(Window(storage: storage, end: end))
  }

  /// Timestamps given since the start.
  package var given: UInt64 { count.load(ordering: .relaxed) }

  /// What has made the service unusable: the end of a window could not be written.
  package var failure: PDError? {
    window.withLock { $0.storage.failure.map { PDError($0) } }
  }

  /// Takes `count` consecutive timestamps and returns the largest.
  package func take(_ count: UInt64, _ reading: ClockReading) throws(PDError) -> Timestamp {
    while true {
      let outcome = try oracle.withLock { (oracle) throws(PDError) in
        try oracle.take(count, reading)
      }
      switch outcome {
      case .given(let last):
        self.count.add(count, ordering: .relaxed)
        return last
      case .needsWindow(let physical):
        try extend(beyond: physical)
      }
    }
  }

  /// False if the timestamp is later than any that can have been given.
  func mayHaveGiven(_ timestamp: UInt64) -> Bool {
    timestamp >> Timestamp.logicalBits < oracle.withLock { $0.windowEnd }
  }

  /// Moves the window on before a request has to wait for it. Writes nothing while no timestamps are taken.
  package func extend(wallMilliseconds: UInt64) throws(PDError) {
    let due = oracle.withLock { $0.dueExtension(wallMilliseconds: wallMilliseconds) }
    if let due { try extend(beyond: due) }
  }

  private func extend(beyond physical: UInt64) throws(PDError) {
    try window.withLock { (window) throws(PDError) in
      // Another thread may have extended it meanwhile.
      guard physical >= window.end else { return }
      let end = try TimestampOracle.windowEnd(beyond: physical)
      try window.storage.put(PDKeys.timestampEnd, end)
      window.end = end
      oracle.withLock { $0.extend(to: end) }
    }
  }
}

/// A request for timestamps.
package struct TimestampRequest: Sendable {
  let count: UInt64
  let completion: Completion<Result<Timestamp, PDError>>
}

/// `TimestampService` behind a mailbox: it completes requests in order, on one thread that does nothing else.
package struct TimestampHandler: Handler {
  private let service: TimestampService
  private let clock: any Clock
  private let failed: @Sendable (PDError) -> Void
  private var hasFailed = false

  /// - Parameter failed: called once, on the handler's thread: the process must end.
  package init(
    _ service: TimestampService, clock: any Clock,
    failed: @escaping @Sendable (PDError) -> Void
  ) {
    self.service = service
    self.clock = clock
    self.failed = failed
  }

  package mutating func handle(_ batch: [TimestampRequest]) {
    let reading = ClockReading(clock)
    for request in batch {
      let result: Result<Timestamp, PDError>
      do throws(PDError) {
        result = .success(try service.take(request.count, reading))
      } catch {
        result = .failure(error)
        report()
      }
      request.completion(result)
    }
  }

  private mutating func report() {
    guard !hasFailed, let failure = service.failure else { return }
    hasFailed = true
    failed(failure)
  }
}

extension Mailbox<TimestampRequest> {
  /// Requests `count` timestamps; the completion gets the largest of them. It is called exactly once: on the
  /// handler's thread or, when the mailbox is full or closed, on this one.
  package func take(
    _ count: UInt64, _ completion: @escaping @Sendable (Result<Timestamp, PDError>) -> Void
  ) {
    let owed = Completion<Result<Timestamp, PDError>>(abandoned: .failure(.stopped), completion)
    if !send(TimestampRequest(count: count, completion: owed)) {
      owed(.failure(PDError(.unavailable, "the placement driver is busy or stopping")))
    }
  }
}
