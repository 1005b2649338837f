import Codec
import Raft
import Raftstore
import SimulationKit

/// Transports that change the messages of stores.
enum TransportMutants {
  static let all: [Mutant] = [
    Mutant("transport-accepts-rejected-appends", "A rejected append arrives as accepted.") {
      setup in
      let cluster = ClusterReference(&setup)
      setup.faults = [.partition, .kill]
      setup.parts.transport = { part, _, _ in
        AlteredTransport(
          part,
          alter: { envelope in
            guard cluster.isBootstrapDone else { return [envelope] }
            return [envelope.altering(.appendResponse) { $0.reject = false }]
          })
      }
    },
    Mutant("transport-grants-rejected-votes", "A rejected vote arrives as granted.") {
      $0.faults = [.kill, .partition]
      $0.parts.transport = { part, _, _ in
        AlteredTransport(part, alter: { [$0.altering(.voteResponse) { $0.reject = false }] })
      }
    },
    Mutant(
      "transport-duplicates-votes", "A vote arrives a second time, as another member's."
    ) { setup in
      let cluster = ClusterReference(&setup)
      setup.faults = [.kill, .partition, .oneWay]
      setup.shape.stores = 3
      setup.parts.transport = { part, _, _ in
        AlteredTransport(part, alter: { [$0] + otherVotes($0, cluster) })
      }
    },
    Mutant("transport-raises-commit", "An append says that all its entries are committed.") {
      $0.faults = [.partition, .kill]
      $0.parts.transport = { part, _, _ in
        AlteredTransport(
          part,
          alter: {
            [$0.altering(.append) { $0.commit = max($0.commit, $0.entries.last?.index ?? 0) }]
          })
      }
    },
    Mutant(
      "transport-forges-heartbeat-responses",
      "A leader's own transport responds to its heartbeats, in the name of every follower."
    ) { setup in
      let cluster = ClusterReference(&setup)
      setup.faults = [.partition, .pause]
      setup.parts.transport = { part, _, process in
        AlteredTransport(
          part,
          alter: { envelope in
            if let response = heartbeatResponse(to: envelope) {
              cluster.directory?.inbox(of: process)?.router.deliver([response])
            }
            return [envelope]
          })
      }
    },
    Mutant(
      "transport-readdresses-messages",
      "Messages for a wiped store are delivered to the store that replaced it, with its id."
    ) { setup in
      let cluster = ClusterReference(&setup)
      setup.faults = [.wipe, .kill]
      setup.parts.transport = { part, _, _ in
        AlteredTransport(
          part, alter: { [cluster.readdressed($0)] },
          snapshot: { part.sendSnapshot(cluster.readdressed($0), key: $1) })
      }
    },
    Mutant("transport-drops-long-appends", "Appends of more than two entries never arrive.") {
      $0.faults = [.kill, .pause]
      $0.shape.raftstore.logCompaction.count = 10_000
      $0.shape.raftstore.logCompaction.threshold = 10_000
      $0.parts.transport = { part, _, _ in
        AlteredTransport(part, alter: { ($0.message?.entries.count ?? 0) > 2 ? [] : [$0] })
      }
    },
  ]

  /// A granted vote once more, from each member that is neither its sender nor its receiver.
  private static func otherVotes(
    _ envelope: RaftEnvelope, _ cluster: ClusterReference
  ) -> [RaftEnvelope] {
    guard let message = envelope.message, message.type == .voteResponse, !message.reject else {
      return []
    }
    let region = cluster.cluster?.newestRegions().first { $0.id == envelope.regionID }
    return (region?.peers ?? [])
      .filter { $0.id != envelope.from.id && $0.id != envelope.to.id }
      .map { peer in
        var other = envelope.altering(.voteResponse) { $0.from = peer.id }
        other.from = peer
        return other
      }
  }

  private static func heartbeatResponse(to envelope: RaftEnvelope) -> RaftEnvelope? {
    guard let message = envelope.message, message.type == .heartbeat else { return nil }
    var response = Message(
      .heartbeatResponse, to: message.from, from: message.to, term: message.term)
    response.context = message.context
    return RaftEnvelope(
      regionID: envelope.regionID, from: envelope.to, to: envelope.from, message: response,
      epoch: envelope.epoch)
  }
}
