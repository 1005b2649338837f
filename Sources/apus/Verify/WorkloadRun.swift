import Client
import History
import Runtime

/// Runs concurrent clients on a cluster, with faults if it is a playground.
struct WorkloadRun {
  private let settings: VerifyRun.Settings
  private let interruption: Gate
  private let keys: VerifyKeys

  init(_ settings: VerifyRun.Settings, interruption: Gate) {
    self.settings = settings
    self.interruption = interruption
    keys = VerifyKeys(prefix: settings.prefix, count: settings.keys)
  }

  /// Runs the workload and returns the history. Figures, faults and problems are added to `result`.
  ///
  /// - Throws: if the workload could not start: the cluster does not serve, or the history has no file.
  func run(
    on endpoints: [String], _ playground: Playground?, _ result: inout VerifyResult
  ) async throws -> [Operation] {
    let clients = try await connect(to: endpoints)
    defer { for client in clients { client.close() } }
    let recorder = try HistoryFileRecorder(path: settings.historyPath)
    let control = RunControl(
      seconds: settings.seconds, clients: clients.count, mustRecover: playground != nil,
      interruption: interruption)
    let nemesis = try await makeNemesis(playground, control)
    defer { nemesis?.close() }
    let inject = nemesis.map { nemesis in Task { await nemesis.run() } }
    let progress = Task { try await printProgress(recorder, control) }
    await work(clients, control, recorder)
    inject?.cancel()
    await inject?.value
    progress.cancel()
    result.events = nemesis?.events ?? []
    checkCourse(control, recorder, &result)
    if playground == nil { await cleanUp(endpoints, &result) }
    return recorder.operations
  }

  // MARK: Connecting

  private static var options: ClientOptions {
    var options = ClientOptions()
    options.timeout = .seconds(5)
    options.attemptTimeout = .seconds(1)
    options.connectTimeout = .seconds(3)
    options.retriesUndeterminedWrites = false
    return options
  }

  /// Every client has its own connections and routes. Throws if the cluster does not serve.
  private func connect(to endpoints: [String]) async throws(VerifyRun.Failure) -> [ApusClient] {
    var clients: [ApusClient] = []
    do throws(ClientError) {
      for _ in 0..<settings.clients {
        clients.append(try await ApusClient.connect(to: endpoints, options: Self.options))
      }
      if let first = clients.first { _ = try await first.raw.get(keys.key(0)) }
      return clients
    } catch {
      for client in clients { client.close() }
      throw VerifyRun.Failure(description: "the cluster does not serve: \(error)")
    }
  }

  private func makeNemesis(
    _ playground: Playground?, _ control: RunControl
  ) async throws -> ProcessNemesis? {
    guard let playground else { return nil }
    var options = Self.options
    // The placement driver may be down when it is called.
    options.timeout = .milliseconds(500)
    let client = try await ApusClient.connect(to: [playground.endpoint], options: options)
    // All faults end some seconds before the planned end.
    let end = settings.seconds - min(5, settings.seconds / 4)
    let plan = NemesisPlan(
      seed: settings.seed, stores: playground.ports.stores.count,
      until: .milliseconds(Int64(end * 1000)))
    return ProcessNemesis(
      plan: plan, playground: playground, control: control, client: client, key: keys.prefix)
  }

  // MARK: Workload

  private func work(
    _ clients: [ApusClient], _ control: RunControl, _ recorder: HistoryFileRecorder
  ) async {
    let pacer = Pacer(rate: settings.rate, control: control)
    await withTaskGroup(of: Void.self) { group in
      for (number, client) in clients.enumerated() {
        let workload = VerifyWorkload(seed: settings.seed, client: number, keys: keys)
        group.addTask {
          var worker = WorkloadClient(
            number: number, raw: client.raw, control: control, recorder: recorder, pacer: pacer,
            workload: workload)
          await worker.run()
        }
      }
    }
  }

  /// Prints a line every five seconds, and flushes the history every second.
  private func printProgress(_ recorder: HistoryFileRecorder, _ control: RunControl) async throws {
    var shown = recorder.progress.operations
    var shownAt = control.now
    while true {
      try await Task.sleep(for: .seconds(1))
      if let failure = recorder.flush() {
        control.fail("cannot write the history: \(failure)")
        return
      }
      let now = control.now
      guard now - shownAt >= 4_900_000_000 else { continue }
      let progress = recorder.progress
      let rate = Double(progress.operations - shown) / (Double(now - shownAt) / 1e9)
      let gap = Double(progress.longestGap(until: now)) / 1e9
      ProcessEnd.report(
        "\(RunFigures.text(Double(now) / 1e9, 0)) s  \(RunFigures.text(rate, 0)) calls/s  "
          + "\(progress.unknown) unknown  longest gap \(RunFigures.text(gap, 2)) s")
      shown = progress.operations
      shownAt = now
    }
  }

  // MARK: End of the run

  private func checkCourse(
    _ control: RunControl, _ recorder: HistoryFileRecorder, _ result: inout VerifyResult
  ) {
    let end = control.now
    if let failure = recorder.flush() {
      control.fail("cannot write the history: \(failure)")
    }
    let figures = RunFigures(
      recorder.operations, seconds: Double(end) / 1e9,
      longestGap: Double(recorder.progress.longestGap(until: end)) / 1e9)
    result.figures = figures
    result.recovery = control.recovery
    if let failure = control.failure { result.doubts.append(failure) }
    if control.isInterrupted { result.notes.append("the run was interrupted") }
    if figures.total.done == 0 { result.doubts.append("no call succeeded") }
    if case .missed(let clients) = control.recovery {
      result.doubts.append(
        "\(clients) of \(settings.clients) clients could not write within "
          + "\(RunControl.grace / 1_000_000_000) s after all faults ended")
    }
  }

  /// Removes the run's keys from the cluster.
  private func cleanUp(_ endpoints: [String], _ result: inout VerifyResult) async {
    var options = ClientOptions()
    options.connectTimeout = .seconds(5)
    do throws(ClientError) {
      let client = try await ApusClient.connect(to: endpoints, options: options)
      defer { client.close() }
      try await client.raw.deleteRange(from: keys.prefix, to: keys.end)
    } catch {
      result.notes.append("cannot remove the keys that start with \(settings.prefix): \(error)")
    }
  }
}
