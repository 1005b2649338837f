import ArgumentParser
import Client

/// Connection and output options.
struct CtlConnection: ParsableArguments {
  @Option(
    name: [.customLong("pd"), .customLong("pd-endpoints"), .customShort("u")],
    help: ArgumentHelp("Placement driver endpoints, separated by commas.", valueName: "host:port"))
  var pd = "127.0.0.1:2379"

  @Option(name: .long, help: "Timeout in seconds.")
  var timeout = 10.0

  @Flag(name: .long, help: "Print JSON.")
  var json = false

  func validate() throws {
    try FlagValue.check("--timeout", timeout, 0.001...86_400)
    _ = try FlagValue.endpoints(pd, "--pd-endpoints")
  }

  /// Runs `body` with a client of the cluster. What fails is told on standard error, and the process
  /// ends with the exit code that `CtlFailure` has for it.
  func run(_ body: (ApusClient) async throws -> Void) async throws {
    var options = ClientOptions()
    options.timeout = .milliseconds(Int64(timeout * 1000))
    options.connectTimeout = .zero
    do {
      let endpoints = try FlagValue.endpoints(pd, "--pd-endpoints")
      let client = try await ApusClient.connect(
        to: endpoints.map(\.description), options: options)
      defer { client.close() }
      try await body(client)
    } catch let error as ClientError {
      throw CtlFailure.exit(error)
    }
  }
}
