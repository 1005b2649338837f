import Client
import History

/// One client: makes one call after the other and records each.
struct WorkloadClient {
  let number: Int
  let raw: RawClient
  let control: RunControl
  let recorder: HistoryFileRecorder
  let pacer: Pacer
  var workload: VerifyWorkload

  /// Returns when the run is over.
  mutating func run() async {
    do {
      while true {
        try await pacer.turn()
        if control.isOver { return }
        // What is refused at once should not be asked for in a tight loop.
        if !(await makeCall()) { try await Task.sleep(for: .milliseconds(20)) }
      }
    } catch {
      // Cancelled between two calls.
      return
    }
  }

  /// Makes one call and records it; returns whether it succeeded.
  private mutating func makeCall() async -> Bool {
    let call = workload.next()
    let id = recorder.nextID()
    let start = control.now
    let outcome = await CallOutcome.of(call, by: raw)
    let end = control.now
    recorder.record(
      Operation(
        id: id, client: number, start: start, end: outcome == .unknown ? nil : end, call: call,
        outcome: outcome),
      at: end)
    if outcome == .done { control.wrote(client: number, start: start, end: end) }
    return outcome != .failed && outcome != .unknown
  }
}
