import Codec
import Raft
import Raftstore

/// Transports that change what stores tell each other.
enum TransportMutants {
  static let all: [Mutant] = [
    Mutant("transport-hides-rejections", "A follower's refusal of entries arrives as consent.") {
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
    Mutant("transport-grants-votes", "A vote that is refused arrives as granted.") {
      $0.faults = [.kill, .partition]
      $0.parts.transport = { part, _, _ in
        AlteredTransport(part, alter: { [$0.altering(.voteResponse) { $0.reject = false }] })
      }
    },
    Mutant(
      "transport-doubles-votes", "A vote arrives a second time, as another member's."
    ) { setup in
      let cluster = ClusterReference(&setup)
      setup.faults = [.kill, .partition, .oneWay]
      setup.shape.stores = 3
      setup.parts.transport = { part, _, _ in
        AlteredTransport(part, alter: { [$0] + otherVotes($0, cluster) })
      }
    },
    Mutant("transport-commits-too-early", "An append says that all it brings is committed.") {
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
      "transport-answers-heartbeats",
      "A leader's heartbeats are answered by its own transport, in everybody's name."
    ) { setup in
      let cluster = ClusterReference(&setup)
      setup.faults = [.partition, .pause]
      setup.parts.transport = { part, _, process in
        AlteredTransport(
          part,
          alter: { envelope in
            if let answer = heartbeatResponse(to: envelope) {
              cluster.directory?.inbox(of: process)?.router.deliver([answer])
            }
            return [envelope]
          })
      }
    },
    Mutant(
      "transport-reaches-successors",
      "What is meant for a wiped store is given to the one in its place, as if it were it."
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
    var answer = Message(
      .heartbeatResponse, to: message.from, from: message.to, term: message.term)
    answer.context = message.context
    return RaftEnvelope(
      regionID: envelope.regionID, from: envelope.to, to: envelope.from, message: answer,
      epoch: envelope.epoch)
  }
}
