import Client
import Glibc
import NIOPosix
import Runtime
import Server
import Synchronization

/// The processes of a playground, shut down together.
final class Playground: Sendable {
  /// Where everything listens, on this machine only.
  struct Ports: Sendable {
    var placementDriver: Int
    var stores: [Int]
    /// One a store.
    var statuses: [Int]

    /// What is wrong with those ports that someone uses already, and how to choose others; empty if
    /// all are free.
    func problems() async -> [String] {
      let group = MultiThreadedEventLoopGroup.singleton
      var problems: [String] = []
      for (flag, ports) in [("--pd-port", [placementDriver]), ("--base-port", stores + statuses)] {
        for port in ports {
          do throws(StartError) {
            _ = try await PortProbe.check(
              HostPort(host: "127.0.0.1", port: port), flag: flag, group: group)
          } catch {
            problems.append("\(error)")
          }
        }
      }
      return problems
    }
  }

  /// Why the playground ends.
  struct End: Sendable {
    /// True for Ctrl-C and SIGTERM, false when it cannot go on.
    var wasAsked: Bool
    var reason: String
  }

  /// One process of the playground over all its lives.
  private struct Place {
    let name: String
    let arguments: [String]
    var child: ChildProcess
    /// Killed by who runs the playground, and to be started again: no cause for complaint.
    var isDownOnPurpose = false
  }

  private struct State {
    /// The placement driver first.
    var places: [Place] = []
    var isStopping = false
    var end: End?
    var unexpectedExits: [String] = []
  }

  static let placementDriver = "pd"

  let ports: Ports
  private let directory: String
  private let logLevel: String
  private let state = Mutex(State())
  private let gate = Gate()

  init(directory: String, ports: Ports, logLevel: String) {
    self.directory = directory
    self.ports = ports
    self.logLevel = logLevel
  }

  /// The stores' names, in the order of their ports.
  var storeNames: [String] { ports.stores.indices.map { "store\($0 + 1)" } }

  /// Where the placement driver is reached.
  var endpoint: String { "127.0.0.1:\(ports.placementDriver)" }

  /// Lets Ctrl-C and SIGTERM end the playground; a second one ends its processes at once.
  func watchSignals() {
    ShutdownSignals.watch { [self] number in
      let isSecond = state.withLock { $0.isStopping }
      if isSecond { killAll() }
      finish(End(wasAsked: true, reason: "signal \(number)"))
    }
  }

  /// Starts all processes: the placement driver first; the stores wait for it by themselves.
  func start() throws {
    try launch(
      Self.placementDriver,
      ["pd", "--client-addr", endpoint, "--data-dir", "\(directory)/pd"])
    for (number, name) in storeNames.enumerated() {
      try launch(
        name,
        [
          "node", "--addr", "127.0.0.1:\(ports.stores[number])",
          "--status-addr", "127.0.0.1:\(ports.statuses[number])",
          "--pd-endpoints", endpoint, "--data-dir", "\(directory)/\(name)",
          // Several stores share the machine, perhaps a small one.
          "--block-cache-capacity", "256MiB",
        ])
    }
  }

  /// True once every store has reported and every region has its replicas; false if that never came.
  func waitUntilReady(progress: @Sendable (String) -> Void) async throws -> Bool {
    let watch = ReadinessWatch(endpoint: endpoint, stores: ports.stores.count)
    return try await watch.wait({ [gate] in gate.isOpen }, progress: progress)
  }

  /// Returns when the playground was asked to end, or the placement driver or every store has ended.
  func waitForEnd() async -> End {
    await gate.wait()
    return state.withLock { $0.end } ?? End(wasAsked: true, reason: "")
  }

  /// Makes `waitUntilReady` and `waitForEnd` return.
  func giveUp() { finish(End(wasAsked: true, reason: "")) }

  /// Ends all processes: stores first, so that they can say goodbye to the placement driver.
  func stop() {
    let children = state.withLock { state in
      state.isStopping = true
      return state.places.map(\.child)
    }
    end(children.dropFirst().reversed())
    end(children.prefix(1))
  }

  /// Ends all processes without asking.
  func killAll() {
    let children = state.withLock { state in
      state.isStopping = true
      return state.places.map(\.child)
    }
    for child in children { child.killNow() }
  }

  // MARK: Harm

  /// What ended although no one ended it.
  var unexpectedExits: [String] { state.withLock { $0.unexpectedExits } }

  /// Kills a process and sees it end; it stays down until `restart`.
  func kill(_ name: String) {
    let child = state.withLock { state -> ChildProcess? in
      guard let index = state.places.firstIndex(where: { $0.name == name }) else { return nil }
      state.places[index].isDownOnPurpose = true
      return state.places[index].child
    }
    guard let child else { return }
    child.killNow()
    // Nothing can refuse this signal: milliseconds.
    let pause = Doorbell()
    while child.isRunning { pause.wait(atMost: .milliseconds(1)) }
  }

  /// Starts a killed process again, as it was started first.
  func restart(_ name: String) throws {
    let place = state.withLock { state in
      state.isStopping ? nil : state.places.first { $0.name == name }
    }
    guard let place, !place.child.isRunning else { return }
    let child = try spawn(place.name, place.arguments)
    let isTooLate = state.withLock { state in
      guard let index = state.places.firstIndex(where: { $0.name == name }) else { return true }
      state.places[index].child = child
      state.places[index].isDownOnPurpose = false
      return state.isStopping
    }
    if isTooLate { child.killNow() }
  }

  /// Returns when a store that was started again says that it serves, or the playground is to end.
  func waitUntilServing(_ name: String) async throws {
    guard let index = storeNames.firstIndex(of: name) else { return }
    let address = "127.0.0.1:\(ports.statuses[index])"
    while !gate.isOpen {
      do throws(ClientError) {
        _ = try await StatusClient.get(
          "/ready", at: address, group: MultiThreadedEventLoopGroup.singleton, timeout: .seconds(1))
        return
      } catch {
        // Not yet: it does not listen, or says so itself.
        try await Task.sleep(for: .milliseconds(50))
      }
    }
  }

  /// Stops a process in its tracks; its sockets stay open and no one is told.
  func pause(_ name: String) { find(name)?.pause() }

  /// Lets a paused process go on.
  func resume(_ name: String) { find(name)?.resume() }

  private func find(_ name: String) -> ChildProcess? {
    state.withLock { state in state.places.first { $0.name == name }?.child }
  }

  // MARK: Processes

  private func launch(_ name: String, _ arguments: [String]) throws {
    let child = try spawn(name, arguments)
    state.withLock { state in
      state.places.append(Place(name: name, arguments: arguments, child: child))
    }
  }

  private func spawn(_ name: String, _ arguments: [String]) throws -> ChildProcess {
    try ChildProcess(
      name: name, arguments: arguments + ["--log-level", logLevel, "--exit-on-stdin-close"],
      log: "\(directory)/\(name).log", onExit: { [self] child, how in exited(child, how) })
  }

  /// A child's end that no one meant is shown; the playground goes on for as long as it can serve
  /// anyone.
  private func exited(_ child: ChildProcess, _ how: String) {
    let complaint = "\(child.name) \(how)"
    let (isExpected, canServe) = state.withLock { state in
      let place = state.places.first { $0.name == child.name }
      // An earlier life of a place was ended before the present one began.
      let isFormer = place.map { $0.child !== child } ?? false
      let isExpected = state.isStopping || isFormer || place?.isDownOnPurpose == true
      if !isExpected { state.unexpectedExits.append(complaint) }
      let alive = state.places.filter {
        $0.isDownOnPurpose || ($0.child.id != child.id && $0.child.isRunning)
      }
      let isDriven = alive.contains { $0.name == Self.placementDriver }
      return (isExpected, isDriven && alive.contains { $0.name != Self.placementDriver })
    }
    if isExpected { return }
    ProcessEnd.printError(complaint)
    if !canServe {
      finish(End(wasAsked: false, reason: "nothing to serve"))
    }
  }

  private func finish(_ end: End) {
    state.withLock { state in
      if state.end == nil { state.end = end }
    }
    gate.open()
  }

  private func end(_ children: some Sequence<ChildProcess>) {
    let children = Array(children)
    for child in children {
      child.terminate()
      // A paused process would not be notified of it.
      child.resume()
    }
    let clock = SystemClock()
    let deadline = clock.now + .seconds(15)
    let pause = Doorbell()
    while children.contains(where: { $0.isRunning }) {
      if clock.now > deadline {
        for child in children { child.killNow() }
      }
      pause.wait(atMost: .milliseconds(10))
    }
  }
}
