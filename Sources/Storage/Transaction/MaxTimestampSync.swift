package import Codec
import Synchronization
import Transaction

/// Asks the placement driver for a timestamp that is later than all it has issued.
///
/// - Parameter completion: called once, on any thread; nil if there is no timestamp.
package typealias TimestampSource =
  @Sendable (_ completion: @escaping @Sendable (Timestamp?) -> Void) -> Void

/// Raises `max_ts` above the reads of earlier leaders, before a prewrite with a computed commit timestamp is executed.
///
/// The reads that this store has not seen were served by other leaders of the region, or of a region that was merged into
/// it. They were served before this leader could serve anything in its term at this version of the region. So a timestamp
/// that is asked for afterwards is later than theirs. It is asked for with the first prewrite of each term and version,
/// which waits for it. TiKV asks when a peer becomes leader, and refuses prewrites meanwhile.
final class MaxTimestampSync: Sendable {
  private struct Status {
    var term: UInt64
    /// Of the region's epoch.
    var version: UInt64
    var isSynced = false
    /// Called with the result.
    var waiting: [@Sendable (Bool) -> Void] = []
  }

  /// Regions that are remembered. Forgetting one costs another timestamp.
  private static let maxRegions = 1 << 17

  private let regions = Mutex<[UInt64: Status]>([:])
  private let concurrency: ConcurrencyControl
  /// Nil: there are no other leaders.
  private let source: TimestampSource?

  init(_ concurrency: ConcurrencyControl, _ source: TimestampSource?) {
    self.concurrency = concurrency
    self.source = source
  }

  /// Calls `body` when `max_ts` is synchronized for a view of the region, with false if no timestamp can be had. On the
  /// calling thread if it is already, otherwise on the executor.
  func whenSynced(
    _ regionID: UInt64, _ view: UpdateView, on executor: @escaping StorageExecutor,
    _ body: @escaping @Sendable (Bool) -> Void
  ) {
    guard let source, let term = view.term else { return body(true) }
    let version = view.version
    let waiting: @Sendable (Bool) -> Void = { isSynced in executor { body(isSynced) } }
    enum Action { case proceed, wait, ask }
    let action = regions.withLock { regions -> Action in
      if let status = regions[regionID], (status.term, status.version) >= (term, version) {
        if status.isSynced { return .proceed }
        regions[regionID]?.waiting.append(waiting)
        return .wait
      }
      if regions.count >= Self.maxRegions { regions = regions.filter { !$0.value.isSynced } }
      // Those that wait for an earlier term are served by the later timestamp too.
      let older = regions[regionID]?.waiting ?? []
      regions[regionID] = Status(term: term, version: version, waiting: older + [waiting])
      return .ask
    }
    switch action {
    case .proceed: body(true)
    case .wait: break
    case .ask:
      source { [self] timestamp in
        for waiting in received(timestamp, regionID, term, version) { waiting(timestamp != nil) }
      }
    }
  }

  /// Returns those that waited for the timestamp.
  private func received(
    _ timestamp: Timestamp?, _ regionID: UInt64, _ term: UInt64, _ version: UInt64
  ) -> [@Sendable (Bool) -> Void] {
    if let timestamp { concurrency.raiseMaxTS(to: timestamp) }
    return regions.withLock { regions in
      guard let status = regions[regionID], status.term == term, status.version == version else {
        return []
      }
      regions[regionID] =
        timestamp == nil ? nil : Status(term: term, version: version, isSynced: true)
      return status.waiting
    }
  }
}
