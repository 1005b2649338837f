import Codec
package import History
import PlacementDriver
import Protobuf
import Runtime
package import SimulationKit

/// A client on a machine of its own. It makes the calls of a workload one after the other, finds regions
/// through the placement driver, follows region errors as clients do, and records what it saw.
package final class SimulatedClient {
  private static let callLimit = Duration.seconds(8)
  private static let callTimeout = Duration.seconds(2)

  package let number: Int
  private let machine: SimulatedMachine
  private let process: SimulatedProcess
  private let network: SimulatedNetwork
  private let cluster: SimulatedCluster
  private let recorder: HistoryRecorder
  private var random: SplitMix64
  private var routes = RouteTable()
  /// Of how many reads one goes to any replica instead of the leader; 0: none.
  private let replicaReads: UInt64
  /// Of how many reads one is a stale read; 0: none.
  private let staleReads: UInt64
  /// A timestamp of the placement driver, with a moment of the history before it was issued.
  private var timestamp: (value: UInt64, asOf: UInt64, at: Instant)?
  private var isFetchingTimestamp = false
  /// The pause before the next call, and the call; nil when there is none.
  private let next: () -> (Duration, Call)?
  private let done: (Operation) -> Void
  package private(set) var succeeded = 0
  package private(set) var isIdle = true

  package init(
    number: Int, cluster: SimulatedCluster, recorder: HistoryRecorder, replicaReads: UInt64,
    staleReads: UInt64 = 0, seed: UInt64, next: @escaping () -> (Duration, Call)?,
    done: @escaping (Operation) -> Void
  ) {
    self.number = number
    self.cluster = cluster
    network = cluster.network
    self.recorder = recorder
    self.replicaReads = replicaReads
    self.staleReads = staleReads
    self.next = next
    self.done = done
    random = SplitMix64(seed: seed)
    machine = SimulatedMachine(
      number: 1000 + number, name: "client\(number)", scheduler: cluster.scheduler)
    process = machine.startProcess()
  }

  private var scheduler: SimulationScheduler { network.scheduler }

  /// Starts calling, or goes on after `next` had returned nil.
  package func begin() {
    guard isIdle else { return }
    guard let (pause, call) = next() else { return }
    isIdle = false
    scheduler.after(pause, in: process) { [self] in make(call) }
  }

  private func make(_ call: Call) {
    let progress = CallProgress(call)
    let stale = staleTimestamp(for: progress)
    let id =
      if let stale {
        recorder.begin(client: number, asOf: stale.asOf, call)
      } else {
        recorder.begin(client: number, at: scheduler.now.nanoseconds, call)
      }
    scheduler.note(
      .invoke, UInt64(number), UInt64(id),
      "client \(number) \(id): \(call.text)\(stale.map { " at timestamp \($0.value)" } ?? "")")
    let attempt = Attempt(
      id: id, progress: progress, deadline: scheduler.now + Self.callLimit,
      staleTS: stale?.value ?? 0)
    advance(attempt)
  }

  // MARK: Stale reads

  /// The longest time for which a timestamp is used.
  private static let timestampLife = Duration.seconds(4)

  /// The timestamp at which a call reads; nil if it is no stale read. Such a read must see every write that was
  /// acknowledged before the timestamp was issued, so it counts as if it had started before that.
  private func staleTimestamp(for progress: CallProgress) -> (value: UInt64, asOf: UInt64)? {
    guard staleReads > 0 else { return nil }
    if timestamp.map({ scheduler.now - $0.at > Self.timestampLife }) ?? true { fetchTimestamp() }
    guard !progress.isWrite, random.next() % staleReads == 0, let timestamp else { return nil }
    return (timestamp.value, timestamp.asOf)
  }

  private func fetchTimestamp() {
    guard !isFetchingTimestamp else { return }
    isFetchingTimestamp = true
    let asOf = recorder.moment(at: scheduler.now.nanoseconds)
    cluster.pd.call(from: process, timeout: .seconds(1)) { (core, reading) throws(PDError) in
      try core.timestamps.take(1, reading)
    } _: { [self] result in
      isFetchingTimestamp = false
      guard case .success(let issued) = result else { return }
      timestamp = (issued.value, asOf, scheduler.now)
    }
  }

  /// One call under way.
  private struct Attempt {
    let id: Int
    var progress: CallProgress
    let deadline: Instant
    /// The timestamp of a stale read; 0: it is none, or no replica was ready for it.
    var staleTS: UInt64 = 0
    /// Some region has done its part of a write.
    var isPartlyDone = false
    var tries = 0
  }

  private func advance(_ attempt: Attempt) {
    guard scheduler.now < attempt.deadline else {
      return finish(attempt, attempt.isPartlyDone ? .unknown : .failed)
    }
    let route: RouteTable.Route? =
      switch attempt.progress.target {
      case .containing(let key): routes.route(containing: key)
      case .below(let end): routes.route(below: end)
      }
    guard let route, let target = route.target else { return lookUp(attempt) }
    send(attempt, route, target)
  }

  private func lookUp(_ attempt: Attempt) {
    cluster.pd.call(from: process, timeout: .seconds(1)) { (core, _) throws(PDError) in
      try core.scanRegions(in: .all, limit: 1000, copies: 2)
    } _: { [self] result in
      if case .success(let regions) = result {
        routes.fill(regions)
        // An attempt whose key is in none of them looks them up again.
        if !routes.isEmpty { return retry(attempt, after: .microseconds(10), forgetting: false) }
      }
      retry(attempt, after: .milliseconds(50), forgetting: true)
    }
  }

  private func retry(_ attempt: Attempt, after pause: Duration, forgetting: Bool) {
    var attempt = attempt
    attempt.tries += 1
    if forgetting { routes.forget() }
    // The pause grows with the number of attempts.
    let grown = attempt.tries > 4 ? pause * min(attempt.tries - 3, 8) : pause
    scheduler.after(grown, in: process) { [self] in advance(attempt) }
  }

  private func send(_ attempt: Attempt, _ route: RouteTable.Route, _ leader: PeerInfo) {
    var target = leader
    let region = route.region
    var context = RequestContext(regionID: region.id, epoch: region.epoch, peer: target)
    if attempt.staleTS > 0 {
      target = region.peers[Int(random.next() % UInt64(region.peers.count))]
      context.peer = target
      context.staleRead = true
      context.readTS = attempt.staleTS
    } else if replicaReads > 0, !attempt.progress.isWrite, random.next() % replicaReads == 0 {
      let draw = random.next()
      target = region.peers[Int(draw % UInt64(region.peers.count))]
      context.peer = target
      // One in four treats that peer as the leader, as a client with an old route does.
      context.replicaRead = draw >> 32 & 3 != 0
    }
    guard let machine = cluster.directory.machine(ofStore: target.storeID) else {
      routes.lead(region.id, peerID: nil)
      return retry(attempt, after: .milliseconds(20), forgetting: attempt.tries % 8 == 7)
    }
    let request = attempt.progress.request(in: region)
    let cluster = cluster
    network.call(
      from: process, to: machine, timeout: Self.callTimeout,
      serve: { server, respond in
        guard let commands = cluster.store(on: server)?.commands else {
          return respond(.failed(.region(.stale)))
        }
        request.serve(commands, context, server, respond)
      },
      completion: { [self] (result: Result<RegionReply, CallFailure>) in
        take(result, attempt, region)
      })
  }

  private func take(
    _ result: Result<RegionReply, CallFailure>, _ attempt: Attempt, _ region: Region
  ) {
    var attempt = attempt
    switch result {
    case .success(.done), .success(.found):
      var pairs: [Pair] = []
      if case .success(.found(let found)) = result { pairs = found }
      attempt.progress.took(pairs, from: region)
      attempt.isPartlyDone = attempt.progress.isWrite
      if attempt.progress.isDone { return finish(attempt, attempt.progress.outcome) }
      advance(attempt)
    case .success(.swapped(let succeeded, let previous)):
      attempt.progress.swapped(.swapped(succeeded: succeeded, previous: previous))
      finish(attempt, attempt.progress.outcome)
    case .success(.failed(.region(.notReady))):
      // As real clients do: the next attempt reads the present state from the leader.
      attempt.staleTS = 0
      retry(attempt, after: .microseconds(100), forgetting: false)
    case .success(.failed(.region(.notLeader(let peerID)))):
      routes.lead(region.id, peerID: peerID)
      retry(
        attempt, after: peerID == nil ? .milliseconds(40) : .milliseconds(1),
        forgetting: attempt.tries % 8 == 7)
    case .success(.failed(.region(.stale))):
      retry(attempt, after: .milliseconds(20), forgetting: true)
    case .success(.failed(.region(.busy))):
      retry(attempt, after: .milliseconds(30), forgetting: false)
    case .failure(.refused):
      routes.lead(region.id, peerID: nil)
      retry(attempt, after: .milliseconds(20), forgetting: attempt.tries % 8 == 7)
    case .success(.failed(.region(.undetermined))), .success(.failed(.other)), .failure(.lost):
      if attempt.progress.isWrite { return finish(attempt, .unknown) }
      routes.lead(region.id, peerID: nil)
      retry(attempt, after: .milliseconds(20), forgetting: true)
    }
  }

  private func finish(_ attempt: Attempt, _ outcome: Outcome) {
    recorder.end(attempt.id, at: scheduler.now.nanoseconds, outcome)
    let operation = recorder.operations[attempt.id]
    switch outcome {
    case .done, .found, .swapped: succeeded += 1
    case .failed, .unknown: routes.forget()
    }
    scheduler.note(
      .complete, UInt64(number), UInt64(attempt.id), operation.outcomeDigest,
      "client \(number) \(attempt.id): \(operation.outcomeText)")
    done(operation)
    isIdle = true
    begin()
  }
}
