import Codec
import Engine
import Runtime
import SimulationKit

/// Engines that tear, lose or forget what is written to them.
enum EngineMutants {
  static let all: [Mutant] = [
    Mutant("engine-ignores-sync", "The engine reports writes as durable without syncing them.") {
      $0.faults = [.powerLoss, .compactLog]
      $0.parts.engine = { part, _, _ in UnsyncedEngine(part) }
    },
    Mutant(
      "disk-ignores-sync", "Engine and raft log report writes as durable without syncing them."
    ) {
      $0.faults = [.powerLoss, .compactLog]
      $0.parts.engine = { part, _, _ in UnsyncedEngine(part) }
      $0.parts.logs = { part, _, _ in UnsyncedLogStore(part) }
    },
    Mutant(
      "engine-writes-apply-state-first",
      "The apply state is written in a batch of its own, before the data of its entries."
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
      "engine-drops-apply-states", "Only one of eight writes of an apply state is kept."
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
    Mutant("engine-buffers-splits", "The records of a split are written without a sync.") {
      $0.faults = [.split, .powerLoss]
      $0.parts.engine = { part, _, _ in
        UnsyncedEngine(part) { batch in
          batch.operations.count { operation in
            if case .put(.raft, let key, _) = operation { return isRegionState(key) }
            return false
          } > 1
        }
      }
    },
    Mutant(
      "engine-forgets-joint-states",
      "The state of a region in a joint configuration is stored as if the change were complete."
    ) {
      $0.faults = [.jointChange, .kill, .transferLeader]
      $0.shape.stores = 4
      $0.parts.engine = { part, _, _ in AlteredEngine(part) { [$0.map(leavingJointState)] } }
    },
    Mutant("engine-drops-range-deletes", "Deleting a range of data deletes nothing.") {
      $0.faults = [.changeMembers, .compactLog, .partition]
      $0.parts.engine = { part, _, _ in
        AlteredEngine(part) { operation in
          if case .deleteRange(let family, _, _) = operation { return family != .raft }
          return false
        }
      }
    },
    Mutant("engine-drops-writes", "Of every fifty changes of data one is dropped.") {
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
    Mutant(
      "engine-stale-snapshots",
      "A snapshot of the engine is the one that the call before should have got."
    ) {
      $0.faults = [.transferLeader]
      $0.parts.engine = { part, _, _ in StaleSnapshotEngine(part) }
    },
    Mutant(
      "engine-stale-cache",
      "A cache of values misses deleted ranges and ingested files."
    ) {
      $0.faults = [.changeMembers, .compactLog, .partition, .transferLeader]
      $0.parts.engine = { part, _, _ in CachingEngine(part) }
    },
  ]

  private static func isRegionState(_ key: [UInt8]) -> Bool {
    let range = KeyLayout.regionStateRange
    return range.contains(key)
  }

  private static func leavingJointState(
    _ operation: WriteBatch.Operation
  ) -> WriteBatch.Operation {
    guard case .put(.raft, let key, let value) = operation, isRegionState(key),
      var local = try? RegionLocalState(decoding: value), local.region.isJoint
    else { return operation }
    for index in local.region.peers.indices {
      switch local.region.peers[index].role {
      case .incomingVoter: local.region.peers[index].role = .voter
      case .demotingVoter: local.region.peers[index].role = .learner
      case .voter, .learner: break
      }
    }
    return .put(.raft, key: key, value: local.encoded())
  }

  private static func isApplyState(_ key: [UInt8]) -> Bool {
    let other = KeyLayout.applyState(regionID: 0)
    return key.count == other.count && key.prefix(2) == other.prefix(2) && key.last == other.last
  }
}
