package import Codec
import Raft
package import Raftstore
import Runtime

/// A store's transport over the simulated network. Messages travel as values, without their encoding.
package final class SimulatedTransport: Transport {
  private let process: SimulatedProcess
  private let network: ThreadBound<SimulatedNetwork>
  private let directory: ThreadBound<StoreDirectory>
  private let router: Router
  private let snapshots: SnapManager

  package init(
    process: SimulatedProcess, network: SimulatedNetwork, directory: StoreDirectory,
    router: Router, snapshots: SnapManager
  ) {
    self.process = process
    self.network = ThreadBound(network)
    self.directory = ThreadBound(directory)
    self.router = router
    self.snapshots = snapshots
  }

  package func send(_ envelopes: [RaftEnvelope]) {
    guard process.isAlive else { return }
    let network = network.value
    var groups: [(store: UInt64, envelopes: [RaftEnvelope])] = []
    for envelope in envelopes {
      network.observer.observe(envelope, at: network.scheduler.now)
      if let index = groups.firstIndex(where: { $0.store == envelope.to.storeID }) {
        groups[index].envelopes.append(envelope)
      } else {
        groups.append((envelope.to.storeID, [envelope]))
      }
    }
    for group in groups { send(group.envelopes, toStore: group.store, on: network) }
  }

  private func send(
    _ envelopes: [RaftEnvelope], toStore id: UInt64, on network: SimulatedNetwork
  ) {
    let directory = directory.value
    guard let machine = directory.machine(ofStore: id) else {
      router.broadcast(.storeUnreachable(storeID: id))
      return
    }
    let (scheduler, process, router) = (network.scheduler, process, router)
    network.send(
      .raft, from: process.machine.number, to: machine,
      lost: {
        scheduler.after(.milliseconds(1), in: process) {
          router.broadcast(.storeUnreachable(storeID: id))
        }
      }
    ) { receiver in
      guard let inbox = directory.inbox(of: receiver) else { return }
      for envelope in envelopes { Self.note(envelope, receiver, scheduler) }
      inbox.router.deliver(envelopes)
    }
  }

  private static func note(
    _ envelope: RaftEnvelope, _ receiver: SimulatedProcess, _ scheduler: SimulationScheduler
  ) {
    let message = envelope.message
    scheduler.note(
      .deliver, envelope.regionID << 32 | envelope.from.id << 16 | envelope.to.id,
      UInt64(message?.type.rawValue ?? 255) << 48 | (message?.term ?? 0), message?.index ?? 0,
      "\(receiver.machine.name) region \(envelope.regionID): "
        + "\(message.map { "\($0.type) term \($0.term) index \($0.index) commit \($0.commit)" } ?? "extra")"
        + " from \(envelope.from.id) to \(envelope.to.id)")
  }

  // MARK: Leaders

  package func check(
    _ leaders: LeaderCheck, onStore storeID: UInt64,
    _ completion: @escaping @Sendable (LeaderCheckResponse) -> Void
  ) {
    let directory = directory.value
    guard process.isAlive, let machine = directory.machine(ofStore: storeID) else { return }
    network.value.call(
      from: process, to: machine, timeout: .seconds(5),
      serve: { server, respond in
        guard let inbox = directory.inbox(of: server), inbox.storeID == storeID else { return }
        let respond = ThreadBound(respond)
        inbox.router.check(leaders.leaders) { respond.value($0) }
      },
      completion: { (result: Result<[UInt64], CallFailure>) in
        if case .success(let ids) = result { completion(LeaderCheckResponse(regionIDs: ids)) }
      })
  }

  // MARK: Snapshots

  package func sendSnapshot(_ envelope: RaftEnvelope, key: SnapshotKey) {
    guard process.isAlive else { return }
    let network = network.value
    network.observer.observe(envelope, at: network.scheduler.now)
    let stream = SnapshotStream(
      envelope: envelope, key: key, process: process, network: network, directory: directory.value,
      snapshots: snapshots, router: router)
    stream.start()
  }
}
