package import Engine
package import PlacementDriver
import Runtime
package import Wire

/// The placement driver's machine: the real driver behind its mailbox, on a disk of its own.
///
/// Safety of `@unchecked Sendable`: belongs to the one thread of its scheduler.
package final class SimulatedPD: @unchecked Sendable {
  package let machine: SimulatedMachine
  private let network: SimulatedNetwork
  private let config: PDConfig
  private let clusterID: UInt64
  package private(set) var engine: MemoryEngine
  /// Puts something between the driver and its disk: for mutants.
  package var wrapEngine: (any KVEngine) -> any KVEngine = { $0 }
  /// May change what is returned about regions: for faults and mutants. Gets the question as it was.
  package var amendRegion: ((UInt64, Pdpb_GetRegionResponse) -> Pdpb_GetRegionResponse)?
  /// May change what is returned about all regions, which is what clients ask for.
  package var amendScan: ((Pdpb_ScanRegionsResponse) -> Pdpb_ScanRegionsResponse)?
  private var worker: Worker<PDMessage>?
  /// The heartbeat streams of stores, by machine: a response reaches only the process that opened it.
  private var streams:
    [Int: (process: SimulatedProcess, take: (Pdpb_RegionHeartbeatResponse) -> Void)] = [:]
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
    let outlets = PDHandler.PushHandlers(
      opened: { _ in },
      deliver: { [weak self] replies in self?.deliver(replies, from: process) },
      failed: { [weak self] _ in self?.machine.endProcess() })
    let worker = host.spawn(name: "placement", capacity: 65_536) { _ in
      PDHandler(
        engine: engine, config: config, newClusterID: clusterID, clock: clock, metrics: nil,
        outlets: outlets)
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

  /// Sends a request over the simulated network; the reply, or a failure, arrives on the caller's
  /// process.
  package func ask<Request: Sendable, Answer: Sendable>(
    _ method:
      @escaping @Sendable (PDCore) -> (Request, ClockReading) throws(PDError) -> Answer,
    _ request: Request, from asker: SimulatedProcess, timeout: Duration,
    _ completion: @escaping (Result<Result<Answer, PDError>, CallFailure>) -> Void
  ) {
    network.call(
      from: asker, to: machine, timeout: timeout,
      serve: { [self] _, answer in
        let reply = Reply(answer)
        let owed = Completion<Result<Answer, PDError>>(abandoned: .failure(.stopped)) {
          reply.give(self.amended($0))
        }
        guard worker?.mailbox.send(.call(PDCall(method, request, owed))) == true
        else { return owed(.failure(.stopped)) }
      }, completion: completion)
  }

  private func amended<Answer>(
    _ result: Result<Answer, PDError>
  ) -> Result<Answer, PDError> {
    guard case .success(let answer) = result else { return result }
    if let amendRegion, let found = answer as? Pdpb_GetRegionResponse, found.hasRegion,
      let changed = amendRegion(found.region.id, found) as? Answer
    {
      return .success(changed)
    }
    if let amendScan, let found = answer as? Pdpb_ScanRegionsResponse,
      let changed = amendScan(found) as? Answer
    {
      return .success(changed)
    }
    return result
  }

  // MARK: Heartbeat streams

  func connect(
    _ process: SimulatedProcess, _ take: @escaping (Pdpb_RegionHeartbeatResponse) -> Void
  ) {
    streams[process.machine.number] = (process, take)
  }

  /// One message of a store's heartbeat stream.
  func report(_ heartbeat: Pdpb_RegionHeartbeatRequest, from process: SimulatedProcess) {
    guard process.isAlive else { return }
    let storeID = heartbeat.leader.storeID
    network.send(.call, from: process.machine.number, to: machine) { [self] driver in
      machineOfStore[storeID] = process.machine.number
      let completion = Completion<Result<[HeartbeatResponse], PDError>>(
        abandoned: .failure(.stopped)
      ) { [weak self] result in
        guard case .success(let replies) = result else { return }
        self?.deliver(replies, from: driver)
      }
      let call = PDCall(PDCore.regionHeartbeat, heartbeat, completion)
      if worker?.mailbox.send(.call(call)) != true { completion(.failure(.stopped)) }
    }
  }

  private func deliver(_ replies: [HeartbeatResponse], from driver: SimulatedProcess) {
    guard driver.isAlive else { return }
    for reply in replies {
      machine.scheduler.note(
        .answer, reply.response.regionID, reply.storeID,
        "pd sends store \(reply.storeID), region \(reply.response.regionID): "
          + reply.response.order)
      guard let number = machineOfStore[reply.storeID], let stream = streams[number] else {
        continue
      }
      network.send(.call, from: machine.number, to: stream.process.machine) { receiver in
        guard receiver === stream.process else { return }
        stream.take(reply.response)
      }
    }
  }
}

extension Pdpb_RegionHeartbeatResponse {
  /// What it asks for, for people.
  fileprivate var order: String {
    if header.hasError { return "refused: \(header.error.message)" }
    if hasChangePeer {
      return "\(changePeer.changeType) \(changePeer.peer.id) on \(changePeer.peer.storeID)"
    }
    if hasChangePeerV2 { return "\(changePeerV2.changes.count) changes" }
    if hasTransferLeader { return "lead by \(transferLeader.peer.id)" }
    return "nothing"
  }
}

/// Safety of `@unchecked Sendable`: belongs to the one thread of its scheduler.
private final class Reply<Answer>: @unchecked Sendable {
  private let body: (Result<Answer, PDError>) -> Void

  init(_ body: @escaping (Result<Answer, PDError>) -> Void) {
    self.body = body
  }

  func give(_ result: Result<Answer, PDError>) { body(result) }
}
