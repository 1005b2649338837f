import Codec
import Runtime

/// The recovery of regions that have lost their quorums, while it is under way and until the next one. It is in memory:
/// after a restart of PD it is asked for again, and stores repeat what they have done without harm.
struct UnsafeRecovery {
  enum Stage: Sendable, Hashable {
    /// Stores report all their peers.
    case collecting
    /// Stores carry out their plans.
    case executing
    case finished
    case failed
  }

  let failedStores: Set<UInt64>
  let isDryRun: Bool
  let deadline: Instant
  var stage = Stage.collecting
  /// Of the plans that are sent now.
  var step: UInt64
  /// Of this step, by store.
  var reports: [UInt64: StoreReport] = [:]
  /// What stores still have to do.
  var plans: [UInt64: RecoveryPlan] = [:]
  /// What has happened, oldest first.
  var lines: [String] = []

  var isRunning: Bool { stage == .collecting || stage == .executing }

  /// Whether a report shows that a plan is carried out.
  static func isDone(_ plan: RecoveryPlan, _ report: StoreReport) -> Bool {
    let peers = Dictionary(report.peers.map { ($0.region.id, $0) }) { first, _ in first }
    return plan.tombstones.allSatisfy { peers[$0] == nil }
      && plan.creates.allSatisfy { peers[$0.id] != nil }
      && plan.demotes.allSatisfy { peers[$0.regionID]?.region.peers.count == 1 }
  }
}

/// What people see of a recovery.
package struct RecoverySummary: Sendable, Hashable {
  package var isRunning: Bool
  package var hasFailed: Bool
  /// What has happened, oldest first.
  package var lines: [String]
}
