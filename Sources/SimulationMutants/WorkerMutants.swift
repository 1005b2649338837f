import Codec
import Raft
import RaftLog
import Raftstore
import Runtime
import SimulationKit

/// Workers that do not get, or not in time, what was sent to them.
enum WorkerMutants {
  static let all: [Mutant] = [
    Mutant(
      "worker-acks-before-write",
      "The log writer acknowledges what it writes with a later batch."
    ) {
      $0.faults = [.kill, .powerLoss]
      $0.parts.host = { part, _, _ in
        var held: [LogBatch] = []
        return AlteredHost(
          part,
          mail: { worker, batch in
            guard worker == "log-writer" else { return batch }
            return batch.map { message in
              guard var task = message as? LogWriteTask else { return message }
              held.append(task.log)
              task.log = held.count > 4 ? held.removeFirst() : LogBatch()
              return task
            }
          })
      }
    },
    Mutant("worker-loses-children", "One of three regions that splits create never begins.") {
      $0.faults = [.split]
      $0.parts.host = { part, _, _ in
        var count = 0
        return AlteredHost(
          part,
          mail: { worker, batch in
            guard worker.hasPrefix("raft") else { return batch }
            return batch.filter { message in
              guard case .createChild? = message as? RaftWorkerMessage else { return true }
              count += 1
              return count % 3 != 0
            }
          })
      }
    },
    Mutant(
      "worker-keeps-split-ranges",
      "Local reads by the old epoch of a region that was split are served as before."
    ) {
      $0.faults = [.split, .transferLeader]
      $0.parts.host = { part, store, _ in
        var old: [Region] = []
        return AlteredHost(
          part,
          mail: { worker, batch in
            guard worker.hasPrefix("raft") else { return batch }
            for region in old { store.store?.meta.delegate(region.id)?.update(region: region) }
            for case .applied(let result)? in batch.map({ $0 as? RaftWorkerMessage }) {
              guard case .split? = result.changes.last,
                let region = store.store?.meta.held(result.regionID)?.region
              else { continue }
              old.append(region)
            }
            return batch
          })
      }
    },
    Mutant("worker-skips-entries", "Followers do not apply one of fifty entries.") {
      $0.faults = []
      $0.parts.host = { part, store, _ in
        var count = store.number
        return AlteredHost(
          part,
          mail: { worker, batch in
            guard worker.hasPrefix("apply") else { return batch }
            return batch.map { message in
              guard case .apply(var task)? = message as? ApplyMessage, task.proposals.isEmpty
              else { return message }
              for index in task.entries.indices where task.entries[index].type == .normal {
                count += 1
                if count % 50 == 0 { task.entries[index].data = [] }
              }
              return ApplyMessage.apply(task)
            }
          })
      }
    },
    Mutant(
      "worker-drops-snapshot-applied", "Peers are not notified of every second applied snapshot."
    ) { setup in
      let cluster = ClusterReference(&setup)
      setup.faults = [.changeMembers, .compactLog, .partition]
      setup.parts.host = { part, _, _ in
        var count = 0
        return AlteredHost(
          part,
          mail: { worker, batch in
            guard worker.hasPrefix("raft"), cluster.isBootstrapDone else { return batch }
            return batch.filter { message in
              guard case .snapshotApplied? = message as? RaftWorkerMessage else { return true }
              count += 1
              return count % 2 != 0
            }
          })
      }
    },
    Mutant("worker-ignores-hashes", "Peers do not get the hashes of their data.") {
      $0.faults = [.alterData]
      $0.parts.host = { part, _, _ in
        dropping(part) { if case .hashComputed = $0 { true } else { false } }
      }
    },
  ]

  /// A host whose raft workers do not get some messages.
  private static func dropping(
    _ part: any WorkerHost, _ isDropped: @escaping (RaftWorkerMessage) -> Bool
  ) -> AlteredHost {
    AlteredHost(
      part,
      mail: { worker, batch in
        guard worker.hasPrefix("raft") else { return batch }
        return batch.filter { message in
          (message as? RaftWorkerMessage).map { !isDropped($0) } ?? true
        }
      })
  }
}
