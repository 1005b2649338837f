package import History

/// The result of a run.
package struct RunReport: Sendable {
  /// What was found, and by whom.
  package struct Failure: Sendable, Hashable {
    /// The checker's name.
    package var checker: String
    package var message: String
    /// Virtual nanoseconds.
    package var at: UInt64
    /// The calls that no order explains, if it was about those.
    package var violation: Violation?
  }

  package var seed: UInt64
  package var failure: Failure?
  package var traceHash: UInt64 = 0
  package var events = 0
  /// Virtual nanoseconds in all.
  package var virtualTime: UInt64 = 0
  package var workload = ""
  package var stores = 0
  package var regions = 0
  package var operations = 0
  package var succeeded = 0
  package var unknown = 0
  /// Faults that were injected, by kind; and in all, with each lost, late or repeated message and each
  /// failed disk operation.
  package var faults: [(kind: FaultKind, count: Int)] = []
  package var faultCount = 0
  package var plan: [PlannedFault] = []
  /// The end of the trace, if it was asked for.
  package var lastLines: [String] = []
}
