import Codec
import Runtime

/// Leaders whose heartbeats are refused as stale, by region, and since when.
///
/// A leader that a newer epoch or term has left behind steps down by check-quorum within an election
/// timeout and sends no more reports. One that goes on for minutes, while no leader confirms what its report
/// contradicts, is the real one: what is known came from a forged or damaged report.
struct StaleHeartbeats {
  enum Verdict: Sendable, Hashable {
    /// - Parameter isLogged: whether the refusal is to be logged.
    case refused(isLogged: Bool)
    /// The report replaces what it contradicts.
    case accepted(after: Duration)
  }

  private struct Entry {
    var leaderID: UInt64
    var epoch: RegionEpoch
    var term: UInt64
    /// The first of the heartbeats that followed each other.
    var since: Instant
    var last: Instant
    var loggedAt: Instant?

    /// Whether the leader of the entry goes on reporting, as no leader left behind would.
    func continues(in report: RegionRecord, at now: Instant, _ timeout: Duration) -> Bool {
      leaderID == report.leader?.id && !report.region.epoch.isStale(comparedTo: epoch)
        && (report.term == 0 || report.term >= term) && now - last <= timeout
    }
  }

  private static let logInterval: Duration = .seconds(60)
  /// Lines in the log for all regions in one interval.
  private static let maxLogged = 100

  private let timeout: Duration
  private let capacity: Int
  /// Entries touched since `rotatedAt`, and those of the period before. What neither has is forgotten, so
  /// that nothing is kept of regions without reports.
  private var recent: [UInt64: Entry] = [:]
  private var older: [UInt64: Entry] = [:]
  private var rotatedAt: Instant
  private var logPeriod: (since: Instant, count: Int)

  init(timeout: Duration, capacity: Int, at now: Instant) {
    self.timeout = timeout
    self.capacity = capacity
    rotatedAt = now
    logPeriod = (now, 0)
  }

  /// What is to be done with a heartbeat that contradicts what is known.
  ///
  /// - Parameters:
  ///   - known: the records that it contradicts.
  ///   - isAlive: whether the store of its leader is.
  mutating func check(
    _ report: RegionRecord, against known: [RegionRecord], isAlive: Bool, at now: Instant
  ) -> Verdict {
    if now - rotatedAt > timeout {
      (older, recent) = (recent, [:])
      rotatedAt = now
    }
    let old = older.removeValue(forKey: report.id) ?? recent.removeValue(forKey: report.id)
    guard old != nil || older.count + recent.count < capacity else {
      return .refused(isLogged: false)
    }
    var entry = Entry(
      leaderID: report.leader?.id ?? 0, epoch: report.region.epoch, term: report.term, since: now,
      last: now, loggedAt: old?.loggedAt)
    if let old, isAlive, old.continues(in: report, at: now, timeout),
      known.allSatisfy({ $0.confirmedAt.map { $0 <= old.since } ?? true })
    {
      if now - old.since >= timeout { return .accepted(after: now - old.since) }
      entry.since = old.since
      entry.term = max(old.term, report.term)
    }
    let isLogged = takesLine(entry, at: now)
    if isLogged { entry.loggedAt = now }
    recent[report.id] = entry
    return .refused(isLogged: isLogged)
  }

  private mutating func takesLine(_ entry: Entry, at now: Instant) -> Bool {
    if let at = entry.loggedAt, now - at < Self.logInterval { return false }
    if now - logPeriod.since >= Self.logInterval { logPeriod = (now, 0) }
    logPeriod.count += 1
    return logPeriod.count <= Self.maxLogged
  }
}
