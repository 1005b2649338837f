import Codec
import Engine
import Raft
import Raftstore
import Runtime
import SimulationKit
import Storage

/// Reads at replicas, and updates, that see what they must not.
enum ReplicaReadMutants {
  static let all: [Mutant] = [
    Mutant(
      "read-index-too-low",
      "A leader's response to a replica names an index that the replica has applied long ago."
    ) {
      $0.faults = [.partition, .transferLeader]
      $0.parts.transport = { part, _, _ in
        AlteredTransport(part) { [$0.altering(.readIndexResponse) { $0.index = 1 }] }
      }
    },
    Mutant(
      "read-index-of-old-term",
      "A leader responds to a replica with the commit index that it had when its term began."
    ) {
      $0.faults = [.partition, .transferLeader]
      $0.parts.transport = { part, _, _ in
        var first: [UInt64: (term: UInt64, commit: UInt64)] = [:]
        return AlteredTransport(
          part,
          alter: { envelope in
            guard let message = envelope.message else { return [envelope] }
            if message.type == .append, first[envelope.regionID]?.term != message.term {
              first[envelope.regionID] = (message.term, message.commit)
            }
            return [
              envelope.altering(.readIndexResponse) { response in
                guard let known = first[envelope.regionID], known.term == response.term else {
                  return
                }
                response.index = min(response.index, known.commit)
              }
            ]
          })
      }
    },
    Mutant(
      "safe-ts-far-ahead", "Replicas hear of a safe timestamp that no quorum has confirmed."
    ) {
      $0.faults = [.partition, .transferLeader]
      $0.parts.transport = { part, _, _ in
        AlteredTransport(
          part,
          check: { check, store, done in
            var check = check
            for index in check.leaders.indices {
              check.leaders[index].readState = SafeReadState(appliedIndex: 1, safeTS: .max - 1)
            }
            part.check(check, onStore: store, done)
          })
      }
    },
    Mutant(
      "stale-read-before-safe-ts", "A replica serves stale reads whatever their timestamp is."
    ) {
      $0.faults = [.partition, .transferLeader]
      $0.parts.storage = { part, store, _ in LocalReadStorage(part, store) { $0.staleRead } }
    },
    Mutant(
      "swap-compares-old-view",
      "A compare-and-swap compares with a value from before the last swap."
    ) {
      $0.faults = []
      $0.parts.storage = { part, store, _ in OldViewUpdateStorage(part, store) }
    },
  ]
}

/// Passes an older view of the engine to updates than the one at hand.
private struct OldViewUpdateStorage: ForwardingStorage {
  let base: any Storage
  private let store: ThreadBound<SimulatedStore>
  private let old = ThreadBound<[UInt64: any KVReader]>([:])

  init(_ base: any Storage, _ store: SimulatedStore) {
    self.base = base
    self.store = ThreadBound(store)
  }

  func update<T: Sendable>(
    _ context: RequestContext, on executor: @escaping StorageExecutor,
    _ body: @escaping @Sendable (any KVReader, KeyRange) throws(StorageError) -> StorageUpdate<T>,
    _ completion: @escaping @Sendable (Result<T, StorageError>) -> Void
  ) {
    let older = old.value[context.regionID]
    old.value[context.regionID] = store.value.disk.engine.snapshot()
    base.update(
      context, on: executor,
      { reader, range throws(StorageError) in try body(older ?? reader, range) }, completion)
  }
}
