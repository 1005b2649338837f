/// What a run is made from: the same options give the same run.
package struct SimulationOptions: Sendable {
  package var seed: UInt64
  /// Virtual time for which clients call and faults are injected.
  package var duration: Duration = .seconds(30)
  /// The workload by name; nil draws one.
  package var workload: String?
  /// The kinds of fault to draw from; nil: all.
  package var faults: [FaultKind]?
  /// Numbers of planned faults that do not strike: for cutting a failing run down.
  package var withoutFaults: Set<Int> = []
  /// A bug to build in, by name.
  package var mutant: String?
  /// Lines of the trace kept for the report of a failure.
  package var tailLength = 0
  /// Takes every line of the trace.
  package var sink: (@Sendable (String) -> Void)?

  package init(seed: UInt64) {
    self.seed = seed
  }
}
