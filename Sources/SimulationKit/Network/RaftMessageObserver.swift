package import Codec
import Raft
package import Runtime

/// Observes all raft messages of a run, delivered or not: who leads, whom replicas vote for, what they
/// have stored. What a message has acknowledged must stay true.
package final class RaftMessageObserver {
  /// One peer of one region: what an observed message is from.
  package struct Replica: Hashable {
    package var region: UInt64
    package var peer: UInt64

    package init(region: UInt64, peer: UInt64) {
      self.region = region
      self.peer = peer
    }
  }

  /// Entries up to `index` are stored, said in `term`.
  package struct Receipt {
    package var term: UInt64
    package var index: UInt64
  }

  private struct VoteKey: Hashable {
    var replica: Replica
    var term: UInt64
  }

  private struct TermKey: Hashable {
    var region: UInt64
    var term: UInt64
  }

  private var votes: [VoteKey: UInt64] = [:]
  private var leaders: [TermKey: UInt64] = [:]
  private var receipts: [Replica: Receipt] = [:]
  /// Of votes and receipts: the highest acknowledged term.
  private var terms: [Replica: UInt64] = [:]
  private var newest: [UInt64: UInt64] = [:]
  /// Called when a region has a leader of a term higher than any before, at its first message.
  package var onNewLeader: ((Replica, _ term: UInt64) -> Void)?
  /// The store of each peer: it never changes.
  private var stores: [Replica: UInt64] = [:]
  private var sentAt: [Replica: Instant] = [:]
  /// The first peer that sent messages from two stores.
  package private(set) var stray: String?
  /// The first two votes of one peer in one term for different candidates.
  package private(set) var doubleVote: String?
  /// The first two leaders of one term.
  package private(set) var doubleLeader: String?

  package init() {}

  /// Takes in one message at the moment it is sent.
  package func observe(
    _ envelope: RaftEnvelope, at now: Instant = Instant(nanoseconds: 0)
  ) {
    let replica = Replica(region: envelope.regionID, peer: envelope.from.id)
    settle(replica, on: envelope.from.storeID)
    guard let message = envelope.message else { return }
    sentAt[replica] = now
    switch message.type {
    case .append, .heartbeat, .snapshot, .timeoutNow:
      lead(replica, message.term)
    case .voteResponse where !message.reject:
      vote(replica, message.term, for: message.to)
    case .appendResponse where !message.reject:
      store(replica, message.term, message.index)
    default: break
    }
  }

  private func settle(_ replica: Replica, on store: UInt64) {
    guard let known = stores[replica] else {
      stores[replica] = store
      return
    }
    guard known != store else { return }
    stray =
      stray
      ?? "peer \(replica.peer) of region \(replica.region) is on stores \(known) and \(store)"
  }

  /// A peer was seen to lead.
  package func lead(_ replica: Replica, _ term: UInt64) {
    let key = TermKey(region: replica.region, term: term)
    guard let known = leaders[key] else {
      leaders[key] = replica.peer
      if term > newest[replica.region] ?? 0 {
        newest[replica.region] = term
        onNewLeader?(replica, term)
      }
      return
    }
    guard known != replica.peer else { return }
    doubleLeader =
      doubleLeader
      ?? "region \(replica.region) has two leaders in term \(term): peers \(known) and "
      + "\(replica.peer)"
  }

  private func vote(_ replica: Replica, _ term: UInt64, for candidate: UInt64) {
    acknowledge(replica, term)
    let known = votes.updateValue(candidate, forKey: VoteKey(replica: replica, term: term))
    guard let known, known != candidate else { return }
    doubleVote =
      doubleVote
      ?? "peer \(replica.peer) of region \(replica.region) voted for peers \(known) and "
      + "\(candidate) in term \(term)"
  }

  private func store(_ replica: Replica, _ term: UInt64, _ index: UInt64) {
    acknowledge(replica, term)
    let known = receipts[replica] ?? Receipt(term: 0, index: 0)
    guard (known.term, known.index) < (term, index) else { return }
    receipts[replica] = Receipt(term: term, index: index)
  }

  private func acknowledge(_ replica: Replica, _ term: UInt64) {
    terms[replica] = max(terms[replica] ?? 0, term)
  }

  /// When the replica sent its last raft message; nil if it never did. Messages beside the protocol do not count.
  package func lastSent(by replica: Replica) -> Instant? { sentAt[replica] }

  // MARK: What must be true

  /// The term below which a replica's stored term may not be.
  package func term(acknowledgedBy replica: Replica) -> UInt64 { terms[replica] ?? 0 }

  /// Whom the replica has said it votes for in a term.
  package func vote(of replica: Replica, in term: UInt64) -> UInt64? {
    votes[VoteKey(replica: replica, term: term)]
  }

  /// As long as the replica stays in that term its log may not end below.
  package func receipt(of replica: Replica) -> Receipt? { receipts[replica] }
}
