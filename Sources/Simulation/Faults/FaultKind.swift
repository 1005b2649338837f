/// What can go wrong in a run. A run has some of them, not all.
package enum FaultKind: String, Sendable, Hashable, CaseIterable {
  // The network
  case loss, delay, reorder, duplicate, partition, oneWay = "one-way", slowLink = "slow-link"
  case reset
  // Disks
  case powerLoss = "power-loss", dieAtWrite = "die-at-write", writeError = "write-error"
  case syncError = "sync-error", readError = "read-error", slowDisk = "slow-disk"
  case hang, full, bitFlip = "bit-flip"
  // Processes
  case kill, pause, restart, dieInRecovery = "die-in-recovery", wipe
  // Clocks
  case skew, drift
  // The placement driver
  case pdDown = "pd-down", pdRestart = "pd-restart", pdSlow = "pd-slow"
  case pdStale = "pd-stale"
  // Region changes, drawn like faults
  case transferLeader = "transfer-leader", changeMembers = "change-members"
  case compactLog = "compact-log", split
  case jointChange = "joint-change", merge
  // Clients
  case quiet
  // Data that is altered without an error of any read
  case alterData = "alter-data"
}

/// One fault of a run, decided before the run begins: so that runs can be repeated with fewer of them.
package struct PlannedFault: Sendable, Hashable {
  /// Its index in the run's plan.
  package var number: Int
  package var kind: FaultKind
  /// Virtual time after the start of the workload.
  package var at: Duration
  /// How long it lasts, where it does.
  package var lasts: Duration
  /// Random values for target and strength. Drawn with the plan, interpreted when it is injected, so that
  /// leaving out one fault changes no other.
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
