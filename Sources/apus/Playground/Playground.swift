import Client
import Glibc
import Runtime
import Synchronization

/// The processes of a playground and their common end.
final class Playground: Sendable {
  /// Why the playground ends.
  struct End: Sendable {
    /// True for Ctrl-C and SIGTERM, false when it cannot go on.
    var wasAsked: Bool
    var reason: String
  }

  private struct State {
    var children: [ChildProcess] = []
    var isStopping = false
    var end: End?
  }

  private let directory: String
  private let stores: Int
  private let pdPort: Int
  private let basePort: Int
  private let logLevel: String
  private let state = Mutex(State())
  private let gate = Gate()

  init(directory: String, stores: Int, pdPort: Int, basePort: Int, logLevel: String) {
    self.directory = directory
    self.stores = stores
    self.pdPort = pdPort
    self.basePort = basePort
    self.logLevel = logLevel
  }

  /// Starts all processes: the placement driver first; the stores wait for it by themselves.
  func start() throws {
    ShutdownSignals.watch { [self] number in
      let isSecond = state.withLock { $0.isStopping }
      if isSecond { killAll() }
      finish(End(wasAsked: true, reason: "signal \(number)"))
    }
    try launch(
      "pd",
      [
        "pd", "--client-addr", "127.0.0.1:\(pdPort)", "--data-dir", "\(directory)/pd",
      ])
    for number in 0..<stores {
      try launch(
        "store\(number + 1)",
        [
          "node", "--addr", "127.0.0.1:\(basePort + number)",
          "--status-addr", "127.0.0.1:\(basePort + 20 + number)",
          "--pd-endpoints", "127.0.0.1:\(pdPort)",
          "--data-dir", "\(directory)/store\(number + 1)",
        ])
    }
  }

  /// True once every store has reported and every region has its replicas; false if that never came.
  func waitUntilReady() async throws -> Bool {
    let watch = ReadinessWatch(endpoint: "127.0.0.1:\(pdPort)", stores: stores)
    return try await watch.wait({ [gate] in gate.isOpen }, progress: ProcessEnd.say)
  }

  /// Returns when the playground was asked to end, or the placement driver or every store has ended.
  func waitForEnd() async -> End {
    await gate.wait()
    return state.withLock { $0.end } ?? End(wasAsked: true, reason: "")
  }

  /// Ends all processes: stores first, so that they can say goodbye to the placement driver.
  func stop() {
    let children = state.withLock { state in
      state.isStopping = true
      return state.children
    }
    end(children.dropFirst().reversed())
    end(children.prefix(1))
  }

  private func launch(_ name: String, _ arguments: [String]) throws {
    let child = try ChildProcess(
      name: name, arguments: arguments + ["--log-level", logLevel, "--exit-on-stdin-close"],
      log: "\(directory)/\(name).log", onExit: { [self] child, how in exited(child, how) })
    state.withLock { $0.children.append(child) }
  }

  /// A child's end is shown; the playground goes on for as long as it can serve anybody.
  private func exited(_ child: ChildProcess, _ how: String) {
    let (isStopping, anyStore, driver) = state.withLock { state in
      let running = state.children.filter { $0.isRunning }.map(\.name)
      return (state.isStopping, running.contains { $0 != "pd" }, running.contains("pd"))
    }
    if isStopping { return }
    ProcessEnd.complain("\(child.name) \(how); its log is \(directory)/\(child.name).log")
    if !driver || !anyStore {
      finish(End(wasAsked: false, reason: "nothing is left to serve"))
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
    for child in children { child.terminate() }
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

  private func killAll() {
    for child in state.withLock({ $0.children }) { child.killNow() }
  }
}
