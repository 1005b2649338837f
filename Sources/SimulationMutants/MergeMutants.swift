import Codec
import Engine
import Raft
import Raftstore
import Runtime
import SimulationKit

/// Rules of merges that are not kept.
enum MergeMutants {
  static let all: [Mutant] = [
    Mutant(
      "merge-keeps-leases",
      "A leader serves its region by lease while a merge is prepared, and its store applies that late."
    ) {
      $0.faults = [.merge]
      $0.parts.host = { part, store, _ in
        let clock = part.clock
        var old: [Region] = []
        var held: [(until: Instant, message: Any)] = []
        return AlteredHost(
          part,
          mail: { worker, batch in
            guard worker.hasPrefix("raft") else { return batch }
            keepLeases(of: old, until: clock.now + .seconds(1), on: store)
            for case .applied(let result)? in batch.map({ $0 as? RaftWorkerMessage }) {
              guard result.proposedAt != nil, case .mergePrepared? = result.changes.last,
                let region = store.store?.meta.held(result.regionID)?.region
              else { continue }
              old.append(region)
            }
            let due = held.filter { $0.until <= clock.now }.map(\.message)
            held.removeAll { $0.until <= clock.now }
            return due
              + batch.filter { message in
                guard case .catchUpLogs(let request)? = message as? RaftWorkerMessage,
                  old.contains(where: { $0.id == request.source.id })
                else { return true }
                held.append((clock.now + .seconds(1), message))
                return false
              }
          })
      }
    },
    Mutant(
      "merge-skips-catch-up", "The target of a merge does not wait until the source is caught up."
    ) {
      $0.faults = [.merge, .partition, .split]
      $0.parts.host = { part, store, _ in
        AlteredHost(
          part,
          mail: { worker, batch in
            guard worker.hasPrefix("raft") else { return batch }
            return batch.map { message in
              guard case .catchUpLogs(let request)? = message as? RaftWorkerMessage else {
                return message
              }
              store.store?.router.post(
                .sourceCaughtUp(
                  CaughtUpSource(
                    sourceRegionID: request.source.id, commit: request.commit,
                    targetRegionID: request.targetRegionID, targetPeerID: request.targetPeerID)),
                to: request.targetRegionID)
              return message
            }
          })
      }
    },
    Mutant("merge-keeps-the-source", "A merge writes no tombstone of the source.") {
      $0.faults = [.merge, .kill]
      $0.parts.engine = { part, _, _ in
        AlteredEngine(part) { operation in
          guard case .put(.raft, let key, let value) = operation else { return false }
          return isMergedTombstone(key, value)
        }
      }
    },
    Mutant("merge-is-not-synced", "The records of a merge are written without a sync.") {
      $0.faults = [.merge, .powerLoss]
      $0.parts.engine = { part, _, _ in
        UnsyncedEngine(part) { batch in
          batch.operations.contains { operation in
            guard case .put(.raft, let key, let value) = operation else { return false }
            return isMergedTombstone(key, value)
          }
        }
      }
    },
    Mutant("merge-rolls-back-at-once", "A merge is rolled back although nothing speaks against it.")
    {
      $0.faults = [.merge]
      $0.parts.host = { part, store, _ in
        AlteredHost(
          part,
          mail: { worker, batch in
            guard worker.hasPrefix("raft") else { return batch }
            for case .applied(let result)? in batch.map({ $0 as? RaftWorkerMessage }) {
              guard case .mergePrepared(let region, let state)? = result.changes.last else {
                continue
              }
              deliverVotes(for: region, state, to: store)
            }
            return batch
          })
      }
    },
  ]

  private static func isMergedTombstone(_ key: [UInt8], _ value: [UInt8]) -> Bool {
    guard key.starts(with: KeyLayout.regionStateRange.start),
      let local = try? RegionLocalState(decoding: value)
    else { return false }
    return local.state == .tombstone && local.merge != nil
  }

  /// Regions are served by lease, as they were.
  private static func keepLeases(
    of regions: [Region], until end: Instant, on store: SimulatedStore
  ) {
    for region in regions {
      guard let delegate = store.store?.meta.delegate(region.id) else { continue }
      delegate.update(region: region)
      delegate.renew(Lease(term: 1 << 40, end: end))
    }
  }

  /// All members vote for the rollback, by messages from other stores.
  private static func deliverVotes(
    for region: Region, _ state: MergeState, to store: SimulatedStore
  ) {
    guard let mine = region.peers.first(where: { $0.storeID == store.store?.storeID }) else {
      return
    }
    let votes = region.peers.filter { $0.id != mine.id }.map { peer in
      RaftEnvelope(
        regionID: region.id, from: peer, to: mine, epoch: region.epoch,
        extra: ExtraMessage(kind: .wantRollbackMerge, index: state.commit, isCertain: true))
    }
    store.store?.router.deliver(votes)
  }
}
