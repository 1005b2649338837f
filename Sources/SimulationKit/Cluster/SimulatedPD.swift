package import Codec
package import Engine
package import PlacementDriver
import Runtime

/// PD's machine: the real `PDHandler` on a worker and a disk of its own.
package final class SimulatedPD {
  package let machine: SimulatedMachine
  private let network: SimulatedNetwork
  private let config: PDConfig
  private let clusterID: UInt64
  package private(set) var engine: MemoryEngine
  /// Wraps the engine each time PD starts: for mutants.
  package var wrapEngine: (any KVEngine) -> any KVEngine = { $0 }
  /// Changes what is returned about one region: for faults and mutants.
  package var amendRegion: ((RegionSummary) -> RegionSummary)?
  /// Changes what is returned about many regions, which is what clients look up.
  package var amendScan: (([RegionSummary]) -> [RegionSummary])?
  private var worker: Worker<PDMessage>?
  /// The heartbeat streams of stores, by machine: a step reaches only the process that opened its stream.
  private var streams: [Int: (process: SimulatedProcess, take: (RegionOperator) -> Void)] = [:]
  /// The receivers of refusals on the same streams.
  private var refusals: [Int: (process: SimulatedProcess, take: (RefusedHeartbeat) -> Void)] = [:]
  private var machineOfStore: [UInt64: Int] = [:]

  package init(
    scheduler: SimulationScheduler, network: SimulatedNetwork, config: PDConfig, clusterID: UInt64
  ) throws(EngineError) {
    machine = SimulatedMachine(number: 0, name: "pd", scheduler: scheduler)
    self.network = network
    self.config = config
    self.clusterID = clusterID
    engine = try MemoryEngine(path: "pd")
  }

  /// Starts the placement driver's process on what its disk holds.
  package func start() {
    let process = machine.startProcess()
    let host = SimulatedHost(process)
    let (config, clusterID, engine) = (config, clusterID, wrapEngine(engine))
    let clock = machine.clock
    let bound = ThreadBound(WeakPD(self))
    let push = PDHandler.PushHandlers(
      opened: { _ in },
      deliver: { replies in bound.value.pd?.deliver(replies, from: process) },
      failed: { _ in bound.value.pd?.machine.endProcess() })
    let worker = host.spawn(name: "placement", capacity: 65_536) { _ in
      PDHandler(
        engine: engine, config: config, newClusterID: clusterID, clock: clock, metrics: nil,
        push: push)
    }
    self.worker = worker
    let mailbox = worker.mailbox
    _ = host.every(.milliseconds(200)) { _ = mailbox.send(.tick) }
  }

  /// The process crashes, and with the machine what it had not synced.
  package func stop(losingUnsynced: Bool) {
    guard machine.isRunning || worker != nil else { return }
    machine.endProcess()
    worker?.stop()
    worker = nil
    // Streams break. A store opens its stream again with its next heartbeat, as a client would.
    machineOfStore = [:]
    engine = losingUnsynced ? engine.crash() : engine.reopen()
  }

  // MARK: Serving

  /// Has PD run `body`, over the simulated network; the result, or a failure, arrives in the caller's process.
  package func call<Response: Sendable>(
    from caller: SimulatedProcess, timeout: Duration,
    _ body: @escaping @Sendable (PDCore, ClockReading) throws(PDError) -> Response,
    _ completion: @escaping (Result<Response, PDClientError>) -> Void
  ) {
    network.call(
      from: caller, to: machine, timeout: timeout,
      serve: { [self] _, respond in
        guard let mailbox = worker?.mailbox else { return respond(.failure(.stopped)) }
        let bound = ThreadBound((pd: self, respond: respond))
        mailbox.call(body) { bound.value.respond(bound.value.pd.amended($0)) }
      },
      completion: { (result: Result<Result<Response, PDError>, CallFailure>) in
        switch result {
        case .failure(let failure): completion(.failure(.unreachable("\(failure)")))
        case .success(let response): completion(response.mapError(PDClientError.init))
        }
      })
  }

  private func amended<Response>(
    _ result: Result<Response, PDError>
  ) -> Result<Response, PDError> {
    guard case .success(let response) = result else { return result }
    if let amendRegion, let found = response as? RegionSummary,
      let changed = amendRegion(found) as? Response
    {
      return .success(changed)
    }
    if let amendScan, let found = response as? [RegionSummary],
      let changed = amendScan(found) as? Response
    {
      return .success(changed)
    }
    return result
  }

  // MARK: Heartbeat streams

  func connect(_ process: SimulatedProcess, _ take: @escaping (RegionOperator) -> Void) {
    streams[process.machine.number] = (process, take)
  }

  func connectRefusals(_ process: SimulatedProcess, _ take: @escaping (RefusedHeartbeat) -> Void) {
    refusals[process.machine.number] = (process, take)
  }

  /// One message of a store's heartbeat stream.
  func report(_ heartbeat: RegionHeartbeat, from process: SimulatedProcess) {
    guard process.isAlive else { return }
    network.send(.call, from: process.machine.number, to: machine) { [self] pd in
      machineOfStore[heartbeat.leader.storeID] = process.machine.number
      let bound = ThreadBound(WeakPD(self))
      worker?.mailbox.call({ (core, reading) throws(PDError) in
        try core.regionHeartbeat(heartbeat, reading)
      }) { result in
        bound.value.pd?.reported(heartbeat, result, from: pd)
      }
    }
  }

  private func reported(
    _ heartbeat: RegionHeartbeat, _ result: Result<RegionOperator?, PDError>,
    from pd: SimulatedProcess
  ) {
    switch result {
    case .success(nil): break
    case .success(let step?): deliver([step], from: pd)
    case .failure(let error):
      guard pd.isAlive, error.refusal != nil else { return }
      note(heartbeat.region.id, heartbeat.leader.storeID, "refused: \(error)")
      guard let number = machineOfStore[heartbeat.leader.storeID], let stream = refusals[number]
      else { return }
      let refused = RefusedHeartbeat(
        regionID: heartbeat.region.id, peerID: heartbeat.leader.id)
      network.send(.call, from: machine.number, to: stream.process.machine) { receiver in
        if receiver === stream.process { stream.take(refused) }
      }
    }
  }

  private func deliver(_ steps: [RegionOperator], from pd: SimulatedProcess) {
    guard pd.isAlive else { return }
    for step in steps {
      note(step.regionID, step.leader.storeID, step.summary)
      guard let number = machineOfStore[step.leader.storeID], let stream = streams[number] else {
        continue
      }
      network.send(.call, from: machine.number, to: stream.process.machine) { receiver in
        guard receiver === stream.process else { return }
        stream.take(step)
      }
    }
  }

  private func note(_ regionID: UInt64, _ storeID: UInt64, _ text: String) {
    machine.scheduler.note(
      .answer, regionID, storeID, "pd sends store \(storeID), region \(regionID): \(text)")
  }
}

extension RegionOperator {
  /// The step, for people.
  fileprivate var summary: String {
    switch step {
    case .changePeer(let change): "\(change.type) \(change.peer.id) on \(change.peer.storeID)"
    case .changePeerV2(let changes): "\(changes.count) changes"
    case .transferLeader(let peer, _): "lead by \(peer.id)"
    case .splitRegion(let keys): keys.isEmpty ? "split in the middle" : "split at \(keys.count)"
    case .merge(let target): "merge into \(target.id)"
    }
  }
}

/// PD's machine as its callbacks know it, which must not keep it.
private struct WeakPD {
  weak var pd: SimulatedPD?

  init(_ pd: SimulatedPD) { self.pd = pd }
}
