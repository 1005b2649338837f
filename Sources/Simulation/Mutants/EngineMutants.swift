import Codec
import Engine
import Runtime

/// Engines that tear, lose or forget what is written to them.
enum EngineMutants {
  static let all: [Mutant] = [
    Mutant("engine-lies-about-sync", "The engine calls durable what is not.") {
      $0.faults = [.powerLoss, .compactLog]
      $0.parts.engine = { part, _, _ in LazyEngine(part) }
    },
    Mutant("disk-lies-about-sync", "Engine and raft log call durable what is not.") {
      $0.faults = [.powerLoss, .compactLog]
      $0.parts.engine = { part, _, _ in LazyEngine(part) }
      $0.parts.logs = { part, _, _ in LazyLogStore(part) }
    },
    Mutant(
      "engine-writes-apply-state-first",
      "What says that entries are applied is written in a batch of its own, before their data."
    ) {
      $0.faults = [.powerLoss]
      $0.parts.engine = { part, _, _ in
        AlteredEngine(part) { operations in
          [operations.filter { $0.family == .raft }, operations.filter { $0.family != .raft }]
            .filter { !$0.isEmpty }
        }
      }
    },
    Mutant(
      "engine-loses-apply-states", "Only one of eight records of what is applied is written."
    ) {
      $0.faults = [.kill, .compactLog]
      $0.parts.engine = { part, _, _ in
        var counts: [[UInt8]: Int] = [:]
        return AlteredEngine(part) { operation in
          guard case .put(.raft, let key, _) = operation, isApplyState(key) else { return false }
          counts[key, default: 0] += 1
          return counts[key] != 1 && counts[key, default: 0] % 8 != 0
        }
      }
    },
    Mutant("engine-loses-range-deletions", "Deleting a range of data deletes nothing.") {
      $0.faults = [.changeMembers, .compactLog, .partition]
      $0.parts.engine = { part, _, _ in
        AlteredEngine(part) { operation in
          if case .deleteRange(let family, _, _) = operation { return family != .raft }
          return false
        }
      }
    },
    Mutant("engine-loses-changes", "Of every fifty changes of data one is lost.") {
      $0.faults = []
      $0.parts.engine = { part, store, _ in
        var count = store.number
        return AlteredEngine(part) { operation in
          if operation.family == .raft { return false }
          count += 1
          return count % 50 == 0
        }
      }
    },
    Mutant("engine-shows-old-views", "A view shows what the one before it should have.") {
      $0.faults = [.transferLeader]
      $0.parts.engine = { part, _, _ in LaggingEngine(part) }
    },
    Mutant(
      "engine-cache-outlives-ranges",
      "A cache of values does not notice when ranges are deleted or files taken in."
    ) {
      $0.faults = [.changeMembers, .compactLog, .partition, .transferLeader]
      $0.parts.engine = { part, _, _ in CachingEngine(part) }
    },
  ]

  private static func isApplyState(_ key: [UInt8]) -> Bool {
    let other = KeyLayout.applyState(regionID: 0)
    return key.count == other.count && key.prefix(2) == other.prefix(2) && key.last == other.last
  }
}
