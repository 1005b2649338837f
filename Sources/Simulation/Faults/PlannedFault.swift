/// One fault of a run, decided before the run begins: so that runs can be repeated with fewer of them.
package struct PlannedFault: Sendable, Hashable {
  /// Its place in the run's plan.
  package var number: Int
  package var kind: FaultKind
  /// Virtual time after the start of the workload.
  package var at: Duration
  /// How long it lasts, where it does.
  package var lasts: Duration
  /// Chance of its own: its target, how hard. Drawn with the plan, interpreted when it strikes, so
  /// that leaving out one fault changes no other.
  package var randomValues: [UInt64]

  package init(
    number: Int, kind: FaultKind, at: Duration, lasts: Duration, randomValues: [UInt64]
  ) {
    self.number = number
    self.kind = kind
    self.at = at
    self.lasts = lasts
    self.randomValues = randomValues
  }
}
