import Client
import History

/// One client: makes one call after the other and records each.
struct WorkloadClient {
  /// The client's number in the history.
  let number: Int
  let raw: RawClient
  let control: RunControl
  let recorder: HistoryFileRecorder
  let pacer: Pacer
  var workload: VerifyWorkload

  /// Makes calls until the run is over.
  mutating func run() async {
    do {
      while true {
        try await pacer.wait()
        if control.isOver { return }
        // A call that is refused at once must not be repeated in a tight loop.
        if !(await makeCall()) { try await Task.sleep(for: .milliseconds(20)) }
      }
    } catch {
      // Cancelled between two calls.
      return
    }
  }

  /// Makes a call and records it; returns whether it succeeded.
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
