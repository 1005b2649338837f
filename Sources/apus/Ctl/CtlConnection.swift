import ArgumentParser
import Client

/// The options of every `apus ctl` command: where the cluster is and how output is printed.
struct CtlConnection: ParsableArguments {
  @Option(
    name: [.customLong("pd"), .customLong("pd-endpoints"), .customShort("u")],
    help: ArgumentHelp(
      "Placement driver endpoints, separated by commas. (default: \(PDEndpoints.local))",
      valueName: "host:port"),
    transform: PDEndpoints.parse)
  var pd = PDEndpoints.local

  @Option(name: .long, help: "Timeout in seconds.")
  var timeout = 10.0

  @Flag(name: .long, help: "Print JSON.")
  var json = false

  func validate() throws {
    try FlagValue.check("--timeout", timeout, 0.001...86_400)
  }

  /// Runs `body` with a client of the cluster. An error is printed to standard error, and the process ends
  /// with the exit code that `CtlFailure` has for it.
  func run(_ body: (ApusClient) async throws -> Void) async throws {
    var options = ClientOptions()
    options.timeout = .milliseconds(Int64(timeout * 1000))
    options.connectTimeout = .zero
    do {
      let client = try await ApusClient.connect(to: pd.texts, options: options)
      defer { client.close() }
      try await body(client)
    } catch let error as ClientError {
      throw CtlFailure.exit(error)
    }
  }
}
