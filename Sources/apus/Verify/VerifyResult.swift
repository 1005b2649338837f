import History

/// The result of a run or of the check of a file.
struct VerifyResult {
  var seed: UInt64?
  var historyPath: String
  var figures: RunFigures?
  var events: [ProcessNemesis.Event] = []
  var recovery = RunControl.Recovery.notAsked
  /// Nil when there was nothing to check.
  var verdict: Verdict?
  /// What keeps a good verdict from being one on the whole run.
  var doubts: [String] = []
  /// What the user should know besides.
  var notes: [String] = []

  enum End: Int32 {
    case linearizable = 0
    case violation = 1
    case undecided = 2
  }

  /// A violation stays one whatever else went wrong.
  var end: End {
    switch verdict {
    case .violation: .violation
    case .linearizable: doubts.isEmpty ? .linearizable : .undecided
    case .undecided, nil: .undecided
    }
  }

  /// Why the end is `undecided`; empty if it is not.
  var reasons: [String] {
    guard end == .undecided else { return [] }
    if case .undecided(let reason) = verdict { return [reason] + doubts }
    return doubts
  }

  /// The shortest bad history, for people; empty if there is none.
  var badHistory: [String] {
    guard case .violation(let violation) = verdict else { return [] }
    return ViolationReport(violation).lines
  }
}
