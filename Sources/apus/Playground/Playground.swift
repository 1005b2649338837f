import Client
import Glibc
import Logging
import NIOPosix
import Runtime
import Server
import Synchronization

/// The processes of a playground: one placement driver and some stores on this machine, started and stopped
/// together. Any thread may call the functions.
final class Playground: Sendable {
  /// The ports the processes listen on, all on the loopback interface.
  struct Ports: Sendable {
    var pd: Int
    var stores: [Int]
    /// The status ports, in the order of `stores`.
    var statuses: [Int]

    /// A message for each port that is in use, with the flag that chooses another; empty if all are free.
    func problems() async -> [String] {
      let group = MultiThreadedEventLoopGroup.singleton
      var problems: [String] = []
      for (flag, ports) in [("--pd-port", [pd]), ("--base-port", stores + statuses)] {
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
    /// True after Ctrl-C, SIGTERM or `requestEnd`, false when too few processes are left to serve.
    var wasRequested: Bool
    var reason: String
  }

  /// One process of the playground, over all its restarts.
  private struct Member {
    let name: String
    let arguments: [String]
    /// The process that was started last.
    var child: ChildProcess
    /// Killed by `kill` and not yet restarted: its exit is expected.
    var isKilled = false
  }

  private struct State {
    /// The placement driver first.
    var members: [Member] = []
    var isStopping = false
    /// The first reason counts.
    var end: End?
    var unexpectedExits: [String] = []
  }

  /// The placement driver's name among the processes.
  static let pdName = "pd"

  let ports: Ports
  private let directory: String
  private let logLevel: Logger.Level
  /// Further flags of every store.
  private let storeOptions: [String]
  private let state = Mutex(State())
  /// Open once the playground is to end.
  private let gate = Gate()

  /// - Parameters:
  ///   - directory: holds a data directory and a log file for each process. It must exist.
  ///   - logLevel: of all processes.
  ///   - storeOptions: further flags of every store.
  init(
    directory: String, ports: Ports, logLevel: Logger.Level, storeOptions: [String] = []
  ) {
    self.directory = directory
    self.ports = ports
    self.logLevel = logLevel
    self.storeOptions = storeOptions
  }

  /// The stores' names, in the order of their ports.
  var storeNames: [String] { ports.stores.indices.map { "store\($0 + 1)" } }

  /// The placement driver's address, `host:port`.
  var endpoint: String { "127.0.0.1:\(ports.pd)" }

  /// From now on Ctrl-C and SIGTERM end the playground; a second one kills its processes.
  func watchSignals() {
    ShutdownSignals.watch { [self] number in
      let isSecond = state.withLock { $0.isStopping }
      if isSecond { killAll() }
      finish(End(wasRequested: true, reason: "signal \(number)"))
    }
  }

  /// Starts all processes, the placement driver first. Stores retry until it serves.
  func start() throws {
    try launch(
      Self.pdName,
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
        ] + storeOptions)
    }
  }

  /// Waits until every store has reported and every region has its replicas; false if the playground ends
  /// before that.
  ///
  /// - Parameter progress: called with a line for people, at most once a second.
  func waitUntilReady(progress: @Sendable (String) -> Void) async throws -> Bool {
    let watch = ReadinessWatch(endpoint: endpoint, stores: ports.stores.count)
    return try await watch.wait({ [gate] in gate.isOpen }, progress: progress)
  }

  /// Returns when the end was requested, or the placement driver or every store has ended.
  func waitForEnd() async -> End {
    await gate.wait()
    return state.withLock { $0.end } ?? End(wasRequested: true, reason: "")
  }

  /// Makes `waitUntilReady` and `waitForEnd` return.
  func requestEnd() { finish(End(wasRequested: true, reason: "")) }

  /// Terminates all processes and waits for them: stores first, while the placement driver can still
  /// reassign their leaders.
  func stop() {
    let children = state.withLock { state in
      state.isStopping = true
      return state.members.map(\.child)
    }
    end(children.dropFirst().reversed())
    end(children.prefix(1))
  }

  /// Kills all processes; does not wait for them.
  func killAll() {
    let children = state.withLock { state in
      state.isStopping = true
      return state.members.map(\.child)
    }
    for child in children { child.killNow() }
  }

  // MARK: Faults

  /// Messages about processes that exited by themselves, in order.
  var unexpectedExits: [String] { state.withLock { $0.unexpectedExits } }

  /// Kills a process and waits for its exit; it stays down until `restart`. Blocks.
  func kill(_ name: String) {
    let child = state.withLock { state -> ChildProcess? in
      guard let index = state.members.firstIndex(where: { $0.name == name }) else { return nil }
      state.members[index].isKilled = true
      return state.members[index].child
    }
    guard let child else { return }
    child.killNow()
    // SIGKILL cannot be blocked: this takes milliseconds.
    let pause = BinarySemaphore()
    while child.isRunning { pause.wait(atMost: .milliseconds(1)) }
  }

  /// Starts a killed process again with its first arguments; does nothing once the playground stops.
  func restart(_ name: String) throws {
    let member = state.withLock { state in
      state.isStopping ? nil : state.members.first { $0.name == name }
    }
    guard let member, !member.child.isRunning else { return }
    let child = try spawn(member.name, member.arguments)
    let isTooLate = state.withLock { state in
      guard let index = state.members.firstIndex(where: { $0.name == name }) else { return true }
      state.members[index].child = child
      state.members[index].isKilled = false
      return state.isStopping
    }
    if isTooLate { child.killNow() }
  }

  /// Waits until a restarted store reports that it serves, or the playground is to end.
  func waitUntilServing(_ name: String) async throws {
    guard let index = storeNames.firstIndex(of: name) else { return }
    let address = "127.0.0.1:\(ports.statuses[index])"
    while !gate.isOpen {
      do throws(ClientError) {
        _ = try await StatusClient.get(
          "/ready", at: address, group: MultiThreadedEventLoopGroup.singleton, timeout: .seconds(1))
        return
      } catch {
        // It does not listen yet, or its /ready reports that it does not serve.
        try await Task.sleep(for: .milliseconds(50))
      }
    }
  }

  /// Suspends a process (SIGSTOP): its sockets stay open and nothing is sent or received.
  func pause(_ name: String) { find(name)?.pause() }

  /// Resumes a paused process.
  func resume(_ name: String) { find(name)?.resume() }

  private func find(_ name: String) -> ChildProcess? {
    state.withLock { state in state.members.first { $0.name == name }?.child }
  }

  // MARK: Processes

  private func launch(_ name: String, _ arguments: [String]) throws {
    let child = try spawn(name, arguments)
    state.withLock { state in
      state.members.append(Member(name: name, arguments: arguments, child: child))
    }
  }

  private func spawn(_ name: String, _ arguments: [String]) throws -> ChildProcess {
    try ChildProcess(
      name: name,
      arguments: arguments + ["--log-level", logLevel.rawValue, "--exit-on-stdin-close"],
      log: "\(directory)/\(name).log", onExit: { [self] child, how in exited(child, how) })
  }

  /// Prints an unexpected exit, and ends the playground if the placement driver or the last store is gone.
  private func exited(_ child: ChildProcess, _ how: String) {
    let message = "\(child.name) \(how)"
    let (isExpected, canServe) = state.withLock { state in
      let member = state.members.first { $0.name == child.name }
      // A process was killed before the one that replaced it was started.
      let isFormer = member.map { $0.child !== child } ?? false
      let isExpected = state.isStopping || isFormer || member?.isKilled == true
      if !isExpected { state.unexpectedExits.append(message) }
      let left = state.members.filter {
        $0.isKilled || ($0.child.id != child.id && $0.child.isRunning)
      }
      let hasPD = left.contains { $0.name == Self.pdName }
      return (isExpected, hasPD && left.contains { $0.name != Self.pdName })
    }
    if isExpected { return }
    ProcessEnd.printError(message)
    if !canServe {
      finish(End(wasRequested: false, reason: "too few processes are left to serve"))
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
      // A paused process handles SIGTERM only once it is resumed.
      child.resume()
    }
    let clock = SystemClock()
    let deadline = clock.now + .seconds(15)
    let timer = BinarySemaphore()
    while children.contains(where: { $0.isRunning }) {
      if clock.now > deadline {
        for child in children { child.killNow() }
      }
      timer.wait(atMost: .milliseconds(10))
    }
  }
}
