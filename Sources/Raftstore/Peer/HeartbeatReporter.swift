import Codec
import Runtime

/// When a leader reports its region to the placement driver, and what it counts between two reports.
struct HeartbeatReporter {
  /// The next report is due then.
  private(set) var next: Instant
  /// Members that lacked what the log still holds, when the placement driver was last told.
  private var reportedPending: [UInt64] = []
  private(set) var bytesWritten: UInt64 = 0
  private(set) var keysWritten: UInt64 = 0

  init(next: Instant) { self.next = next }

  var hasReportedPending: Bool { !reportedPending.isEmpty }

  func isReportedPending(_ id: UInt64) -> Bool { reportedPending.contains(id) }

  mutating func recordWritten(bytes: UInt64, keys: UInt64) {
    bytesWritten &+= bytes
    keysWritten &+= keys
  }

  /// A report is made.
  mutating func begin(pending: [PeerInfo], at now: Instant, interval: Duration) {
    next = now + interval
    reportedPending = pending.map(\.id)
  }

  /// The report is on its way: counting begins anew.
  mutating func sent() {
    bytesWritten = 0
    keysWritten = 0
  }

  mutating func requestSoon(_ now: Instant) { next = now }

  /// The region has hibernated: no report before.
  mutating func postpone(until time: Instant) { next = max(next, time) }

  /// The region is awake: no report later.
  mutating func hasten(to time: Instant) { next = min(next, time) }
}
