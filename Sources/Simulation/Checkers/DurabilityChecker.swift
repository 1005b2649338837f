import Raft
import SimulationKit

/// A replica keeps what it has durably stored and acknowledged: its term never falls, its vote in a term never
/// changes, and its log keeps the entries that it acknowledged to its leader.
///
/// A peer that had to start over without its data keeps a record of what it acknowledged in place of it, and
/// does not vote before it has that again.
///
/// A receipt for entries holds within its term: there the leader's log only grows, so a follower that
/// agreed with it up to an index keeps that. A later leader may make it cut its log.
final class DurabilityChecker: ClusterChecker {
  let name = "durability"

  private struct DurableState {
    var term: UInt64
    var vote: UInt64
  }

  private var durable: [RaftMessageObserver.Replica: DurableState] = [:]

  func check(_ view: ClusterView) -> String? {
    let observer = view.cluster.network.observer
    if let double = observer.doubleVote { return double }
    for disk in view.disks {
      for replica in disk.replicas {
        // Nothing says who wrote a log without an owner.
        guard let peerID = replica.peerID, let log = replica.log else { continue }
        let who = RaftMessageObserver.Replica(region: replica.regionID, peer: peerID)
        let problem =
          contradiction(of: replica.hardState, to: durable[who])
          ?? contradiction(
            of: replica.hardState, lastIndex: max(log.lastIndex, replica.lostIndex ?? 0), to: who,
            observer)
        if let problem {
          return "\(disk.store.machine.name), region \(who.region), peer \(peerID): \(problem)"
        }
        durable[who] = DurableState(term: replica.hardState.term, vote: replica.hardState.vote)
      }
    }
    return nil
  }

  private func contradiction(of state: HardState, to old: DurableState?) -> String? {
    guard let old else { return nil }
    if state.term < old.term { return "its term falls from \(old.term) to \(state.term)" }
    if state.term == old.term, old.vote != 0, state.vote != old.vote {
      return "its vote in term \(old.term) changes from \(old.vote) to \(state.vote)"
    }
    return nil
  }

  private func contradiction(
    of state: HardState, lastIndex: UInt64, to who: RaftMessageObserver.Replica,
    _ observer: RaftMessageObserver
  ) -> String? {
    let acknowledged = observer.term(acknowledgedBy: who)
    if state.term < acknowledged {
      return "it responded in term \(acknowledged), but has stored \(state.term)"
    }
    if let vote = observer.vote(of: who, in: state.term), state.vote != vote {
      return "it voted for peer \(vote) in term \(state.term), but has stored \(state.vote)"
    }
    guard let receipt = observer.receipt(of: who), receipt.term == state.term,
      lastIndex < receipt.index
    else { return nil }
    return "it confirmed entries up to \(receipt.index) in term \(receipt.term), but has stored "
      + "\(lastIndex)"
  }
}
