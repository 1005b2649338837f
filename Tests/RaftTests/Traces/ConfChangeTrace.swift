@testable import Raft

/// The commands of membership change traces.
struct ConfChangeTrace {
  private var tracker = Tracker(maxInflight: 10, maxInflightBytes: 0)
  private var lastIndex: UInt64 = 0

  mutating func execute(_ directive: TraceDirective) -> String {
    // Also counts directives that fail: it numbers the round of a progress.
    defer { lastIndex += 1 }
    do {
      let outcome = try run(directive)
      tracker.config = outcome.config
      tracker.progress = outcome.progress
    } catch {
      return "\(error)\n"
    }
    let progress = zip(tracker.progress.ids, tracker.progress.values)
      .map { PeerProgress(id: $0, progress: $1) }
    return "\(tracker.config)\n" + Describe.progress(progress)
  }

  private func run(_ directive: TraceDirective) throws -> ConfChanger.Outcome {
    let changer = ConfChanger(tracker: tracker, lastIndex: lastIndex)
    let changes = try TraceValue.changes(directive.input)
    switch directive.command {
    case "simple": return try changer.simple(changes)
    case "enter-joint":
      let autoLeave = try TraceValue.bool(directive.values(of: "autoleave")?.first ?? "false")
      return try changer.enterJoint(autoLeave: autoLeave, changes)
    case "leave-joint":
      guard changes.isEmpty else { throw TraceError("this command takes no input") }
      return try changer.leaveJoint()
    default: throw TraceError("unknown command")
    }
  }
}
