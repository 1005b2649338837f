import Codec
import Raft
import Raftstore
import SimulationKit

/// Hibernated regions that sleep when they must not, or do not wake up.
enum HibernationMutants {
  static let all: [Mutant] = [
    Mutant(
      "sleep-without-agreement",
      "A leader's own transport agrees that it hibernates, in the name of every follower."
    ) { setup in
      let cluster = ClusterReference(&setup)
      setup.faults = [.quiet]
      setup.shape.raftstore.hibernation.idleTime = .milliseconds(100)
      setup.parts.transport = { part, _, process in
        AlteredTransport(
          part,
          alter: { envelope in
            guard let extra = envelope.extra, extra.kind == .hibernateRequest else {
              return [envelope]
            }
            let response = RaftEnvelope(
              regionID: envelope.regionID, from: envelope.to, to: envelope.from,
              epoch: envelope.epoch,
              extra: ExtraMessage(kind: .hibernateResponse, index: extra.index))
            cluster.directory?.inbox(of: process)?.router.deliver([response])
            return []
          })
      }
    },
    Mutant(
      "sleep-keeps-sending", "Heartbeats of regions are repeated with the beats of their store."
    ) {
      $0.faults = [.quiet]
      $0.shape.raftstore.hibernation.idleTime = .milliseconds(100)
      $0.parts.transport = { part, _, _ in
        var heartbeats: [UInt64: RaftEnvelope] = [:]
        return AlteredTransport(
          part,
          alter: { envelope in
            if envelope.message?.type == .heartbeat { heartbeats[envelope.regionID] = envelope }
            guard envelope.regionID == 0 else { return [envelope] }
            return [envelope] + heartbeats.sorted { $0.key < $1.key }.map(\.value)
          })
      }
    },
  ]
}
