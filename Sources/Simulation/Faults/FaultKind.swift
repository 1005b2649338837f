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
  case pdDown = "pd-dead", pdRestart = "pd-restart", pdSlow = "pd-slow"
  case pdStale = "pd-stale"
  // Not faults, but throughout: changes to regions
  case transferLeader = "transfer-leader", changeMembers = "change-members"
  case compactLog = "compact-log"
}
