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
  /// Bytes of the region in the last report; 0 if it had no size, or there was none since this peer leads.
  private var reportedSize: UInt64 = 0
  /// The placement driver has refused the last report, which contradicts what it knows: it believes a leader that
  /// repeats its report, not one that is silent for minutes.
  private var isRefused = false

  init(next: Instant) { self.next = next }

  var hasReportedPending: Bool { !reportedPending.isEmpty }

  func isReportedPending(_ id: UInt64) -> Bool { reportedPending.contains(id) }

  mutating func recordWritten(bytes: UInt64, keys: UInt64) {
    bytesWritten &+= bytes
    keysWritten &+= keys
  }

  /// A report is made.
  ///
  /// - Parameter size: the region's bytes; 0: unknown.
  mutating func begin(pending: [PeerInfo], size: UInt64, at now: Instant, interval: Duration) {
    next = now + interval
    reportedPending = pending.map(\.id)
    reportedSize = size
    isRefused = false
  }

  /// The last report is refused: it is repeated after `interval`, also by a hibernated leader.
  mutating func refused(at now: Instant, interval: Duration) {
    isRefused = true
    hasten(to: now + interval)
  }

  /// Whether the placement driver has no size of the region, or one that is off by more than an eighth and by more
  /// than `grain`.
  ///
  /// - Parameter size: the region's bytes; 0: unknown.
  func isSizeOff(_ size: UInt64, grain: UInt64) -> Bool {
    if size == 0 || reportedSize == 0 { return size != reportedSize && size != 0 }
    let (less, more) = (min(size, reportedSize), max(size, reportedSize))
    return more - less > max(grain, more / 8)
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
    reportedSize = 0
    sent(read: flow)
  }

  /// The region has hibernated: no report before, unless the last one was refused.
  mutating func postpone(until time: Instant) { if !isRefused { next = max(next, time) } }

  /// The region is awake: no report later.
  mutating func hasten(to time: Instant) { next = min(next, time) }
}
