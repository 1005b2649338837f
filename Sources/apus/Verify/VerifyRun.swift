import Glibc
import History
import Runtime
import Server

/// A whole run: finds or makes the cluster, has the workload done, checks what was recorded.
struct VerifyRun {
  struct Settings: Sendable {
    var endpoints: [String]
    var seconds: Double
    var clients: Int
    var keys: Int
    var seed: UInt64
    var rate: Double?
    var historyPath: String
    /// Of the run's own; ends with `/`.
    var prefix: String
    /// How many stores to start and to harm; nil to use the cluster at `endpoints` as it is.
    var faultedStores: Int?
    /// Where the processes of a playground keep their data and logs.
    var directory: String
  }

  /// Why there is nothing to check.
  struct Failure: Error, CustomStringConvertible {
    var description: String
  }

  private let settings: Settings
  private let interruption = Gate()

  init(_ settings: Settings) { self.settings = settings }

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
    if settings.faultedStores != nil { tidyUp(&result) }
    return result
  }

  /// The first signal ends the run early; what was recorded is still checked. A second one ends all.
  private func watchSignals(_ playground: Playground?) {
    ShutdownSignals.watch { [interruption] number in
      if interruption.open() {
        playground?.giveUp()
      } else {
        playground?.killAll()
        _exit(128 + number)
      }
    }
  }

  // MARK: A playground of its own

  private func runOnPlayground(
    _ stores: Int, _ result: inout VerifyResult
  ) async throws -> [Operation] {
    try SystemFileSystem().createDirectory(settings.directory)
    let free = try await PortProbe.free(1 + 2 * stores, on: "127.0.0.1")
    let ports = Playground.Ports(
      placementDriver: free[0], stores: Array(free[1...stores]),
      statuses: Array(free[(stores + 1)...]))
    let playground = Playground(directory: settings.directory, ports: ports, logLevel: "info")
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
      playground.giveUp()
    }
    defer { limit.cancel() }
    let isReady = try await playground.waitUntilReady(progress: ProcessEnd.report)
    if interruption.isOpen { throw Failure(description: "interrupted before anything was done") }
    if !isReady {
      let reasons = playground.unexpectedExits.map { ": \($0)" }.joined()
      throw Failure(description: "the playground did not become ready\(reasons)")
    }
  }

  /// Data and logs are kept where someone may want to look into them.
  private func tidyUp(_ result: inout VerifyResult) {
    let files = SystemFileSystem()
    do {
      if result.end == .linearizable {
        try files.removeTree(settings.directory)
      } else if try !files.list(settings.directory).isEmpty {
        result.notes.append("data and logs of the processes are kept in \(settings.directory)")
      }
    } catch {
      result.notes.append("data and logs of the processes: \(error)")
    }
  }
}
