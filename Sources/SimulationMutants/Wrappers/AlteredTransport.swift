import Codec
import Raft
import Raftstore
import SimulationKit

/// A transport that sends other messages than it is given.
final class AlteredTransport: Transport {
  typealias Alter = (RaftEnvelope) -> [RaftEnvelope]
  typealias Snapshot = (RaftEnvelope, SnapshotKey) -> Void
  typealias Check = (
    LeaderCheck, UInt64, @escaping @Sendable (LeaderCheckResponse) -> Void
  ) -> Void

  private let base: any Transport
  private let alter: ThreadBound<Alter>
  private let snapshot: ThreadBound<Snapshot>
  private let check: ThreadBound<Check>

  /// - Parameters:
  ///   - alter: what is sent instead of a message.
  ///   - snapshot: what is done instead of sending a snapshot; nil sends it.
  ///   - check: what is done instead of asking another store about leaders; nil asks it.
  init(
    _ base: any Transport, alter: @escaping Alter = { [$0] }, snapshot: Snapshot? = nil,
    check: Check? = nil
  ) {
    self.base = base
    self.alter = ThreadBound(alter)
    self.check = ThreadBound(check ?? { base.check($0, onStore: $1, $2) })
    self.snapshot = ThreadBound(snapshot ?? { base.sendSnapshot($0, key: $1) })
  }

  func send(_ envelopes: [RaftEnvelope]) {
    let altered = envelopes.flatMap(alter.value)
    if !altered.isEmpty { base.send(altered) }
  }

  func sendSnapshot(_ envelope: RaftEnvelope, key: SnapshotKey) { snapshot.value(envelope, key) }

  func check(
    _ leaders: LeaderCheck, onStore storeID: UInt64,
    _ completion: @escaping @Sendable (LeaderCheckResponse) -> Void
  ) {
    check.value(leaders, storeID, completion)
  }
}

extension RaftEnvelope {
  /// Itself with another raft message, if it carries one of that type.
  func altering(_ type: MessageType, _ change: (inout Message) -> Void) -> RaftEnvelope {
    guard var message, message.type == type else { return self }
    change(&message)
    var changed = self
    changed.message = message
    return changed
  }
}
