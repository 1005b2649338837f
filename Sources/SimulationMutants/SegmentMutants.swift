import Runtime
import SimulationKit

/// Segment logs whose files do not hold what the log relies on. Mutants of the format itself are those of
/// `scripts/mutate-segment-log`: they show in the suites of `RaftLog`.
enum SegmentMutants {
  static let all: [Mutant] = [
    Mutant("segment-skips-barriers", "The segment log does not sync its files.") {
      $0.faults = [.powerLoss]
      $0.shape.log = .segment
      $0.parts.logFiles = { part, _, _ in UnsyncedLogFiles(part, syncsNames: true) }
    },
    Mutant("segment-skips-directory-syncs", "The segment log does not sync its directory.") {
      $0.faults = [.powerLoss]
      $0.shape.log = .segment
      $0.parts.logFiles = { part, _, _ in UnsyncedLogFiles(part, syncsNames: false) }
    },
  ]
}
