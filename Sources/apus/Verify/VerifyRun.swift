import Glibc
import History
import Runtime
import Server

/// A whole run: connects to the cluster or starts one, runs the workload and checks the history.
struct VerifyRun {
  /// What the flags of the command say.
  struct Settings: Sendable {
    /// Placement drivers; unused with `faultedStores`.
    var endpoints: [String]
    /// The duration of the workload.
    var seconds: Double
    var clients: Int
    var keys: Int
    var seed: UInt64
    /// Calls per second of all clients together; nil for no limit.
    var rate: Double?
    var historyPath: String
    /// The prefix of the run's keys, unique to the run; ends with `/`.
    var prefix: String
    /// The number of stores of a playground with faults; nil to use the cluster at `endpoints`.
    var faultedStores: Int?
    /// The directory of a playground's data and logs.
    var directory: String
  }

  /// Why a run has no history to check.
  struct Failure: Error, CustomStringConvertible {
    var description: String
  }

  private let settings: Settings
  /// Opens on the first signal.
  private let interruption = Gate()

  init(_ settings: Settings) { self.settings = settings }

  /// Runs to the end. Errors are part of the result.
  func run() async -> VerifyResult {
    var result = VerifyResult(seed: settings.seed, historyPath: settings.historyPath)
    do {
      let operations: [Operation]
      if let stores = settings.faultedStores {
        operations = try await runOnPlayground(stores, &result)
      } else {
        watchSignals(nil)
        operations = try await WorkloadRun(settings, interruption: interruption)
          .run(on: settings.endpoints, nil, &result)
      }
      ProcessEnd.report("checking \(operations.count) calls")
      result.verdict = LinearizabilityChecker().check(operations)
    } catch {
      result.doubts.append("\(error)")
    }
    if settings.faultedStores != nil { removeDirectory(&result) }
    return result
  }

  /// The first signal ends the run early, and the calls until then are checked. A second one ends the process.
  private func watchSignals(_ playground: Playground?) {
    ShutdownSignals.watch { [interruption] number in
      if interruption.open() {
        playground?.requestEnd()
      } else {
        playground?.killAll()
        _exit(128 + number)
      }
    }
  }

  // MARK: Playground

  private func runOnPlayground(
    _ stores: Int, _ result: inout VerifyResult
  ) async throws -> [Operation] {
    try SystemFileSystem().createDirectory(settings.directory)
    let free = try await PortProbe.free(1 + 2 * stores, on: "127.0.0.1")
    let ports = Playground.Ports(
      pd: free[0], stores: Array(free[1...stores]),
      statuses: Array(free[(stores + 1)...]))
    let playground = Playground(directory: settings.directory, ports: ports, logLevel: .info)
    watchSignals(playground)
    defer { playground.stop() }
    try playground.start()
    try await waitUntilReady(playground)
    let operations = try await WorkloadRun(settings, interruption: interruption)
      .run(on: [playground.endpoint], playground, &result)
    result.doubts += playground.unexpectedExits.map { "unexpected exit: \($0)" }
    return operations
  }

  private func waitUntilReady(_ playground: Playground) async throws {
    let limit = Task {
      try await Task.sleep(for: .seconds(60))
      playground.requestEnd()
    }
    defer { limit.cancel() }
    let isReady = try await playground.waitUntilReady(progress: ProcessEnd.report)
    if interruption.isOpen { throw Failure(description: "interrupted before the first call") }
    if !isReady {
      let reasons = playground.unexpectedExits.map { ": \($0)" }.joined()
      throw Failure(description: "the playground did not become ready\(reasons)")
    }
  }

  /// Removes the playground's directory, unless the result makes its logs worth reading.
  private func removeDirectory(_ result: inout VerifyResult) {
    let files = SystemFileSystem()
    do {
      if result.end == .linearizable {
        try files.removeTree(settings.directory)
      } else if try !files.list(settings.directory).isEmpty {
        result.notes.append("data and logs of the processes are kept in \(settings.directory)")
      }
    } catch {
      result.notes.append("cannot remove data and logs of the processes: \(error)")
    }
  }
}
