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
  /// What had been read from the peer at the last report.
  private var readBefore = ReadFlow()

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

  /// What was read since the last report, if `flow` was in all.
  func read(_ flow: ReadFlow) -> ReadFlow { flow &- readBefore }

  /// The report is on its way: counting begins anew. `flow` is what was read in all.
  mutating func sent(read flow: ReadFlow) {
    bytesWritten = 0
    keysWritten = 0
    readBefore = flow
  }

  /// The first report of a leader is due, which says nothing of the time in which it followed.
  mutating func leadershipBegins(at now: Instant, read flow: ReadFlow) {
    next = now
    sent(read: flow)
  }

  /// The region has hibernated: no report before.
  mutating func postpone(until time: Instant) { next = max(next, time) }

  /// The region is awake: no report later.
  mutating func hasten(to time: Instant) { next = min(next, time) }
}
