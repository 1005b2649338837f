import PlacementDriver
import RPC

// Online unsafe recovery under PD's paths.
extension PDHTTP {
  /// How long a recovery may take that names no timeout: PD's default.
  private static let recoveryTimeout = Duration.seconds(300)

  func recoveryChange(_ body: JSONBody) throws -> Change {
    let stores = try body.ids("stores")
    let seconds = try body["timeout"].map { _ in try body.number("timeout") }
    guard seconds.map({ (1...86_400).contains($0) }) ?? true else {
      throw JSONBody.Malformed(description: "timeout must be from 1 to 86400 seconds")
    }
    // Ours.
    let isDryRun = body["dry-run"] == .flag(true)
    let timeout = seconds.map { Duration.milliseconds(Int64($0 * 1000)) } ?? Self.recoveryTimeout
    return Change(message: "Request has been accepted.") { (core, reading) throws(PDError) in
      try core.removeFailedStores(stores, timeout: timeout, isDryRun: isDryRun, reading)
    }
  }

  /// What has happened, one text for each event. The last says how it has ended.
  func serveRecovery(_ done: @escaping HTTPService.Done) {
    callCluster({ core, reading in core.recoverySummary(at: reading) }, done) { summary in
      let state = summary.isRunning ? "running" : summary.hasFailed ? "failed" : "not running"
      return .json(200, summary.lines + ["state: \(state)"])
    }
  }
}
