import History

/// The result of a run or of the check of a file.
struct VerifyResult {
  var seed: UInt64?
  var historyPath: String
  var figures: RunFigures?
  var events: [ProcessNemesis.Event] = []
  var recovery = RunControl.Recovery.notRequired
  /// Nil if there was nothing to check.
  var verdict: Verdict?
  /// Problems because of which "linearizable" is not a verdict on the whole run.
  var doubts: [String] = []
  /// Other messages for the user.
  var notes: [String] = []

  /// The verdict of the command; the raw value is its exit code.
  enum End: Int32 {
    case linearizable = 0
    case violation = 1
    case undecided = 2
  }

  /// A violation is one regardless of `doubts`.
  var end: End {
    switch verdict {
    case .violation: .violation
    case .linearizable: doubts.isEmpty ? .linearizable : .undecided
    case .undecided, nil: .undecided
    }
  }

  /// Why `end` is `undecided`; empty if it is not.
  var reasons: [String] {
    guard end == .undecided else { return [] }
    if case .undecided(let reason) = verdict { return [reason] + doubts }
    return doubts
  }

  /// The shortest bad history as text; empty without a violation.
  var badHistory: [String] {
    guard case .violation(let violation) = verdict else { return [] }
    return ViolationReport(violation).lines
  }
}
