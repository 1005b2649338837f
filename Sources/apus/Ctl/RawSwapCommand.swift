import ArgumentParser
import Client

/// Sets a key if it has an expected value.
struct RawSwapCommand: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "cas",
    abstract:
      "Compare and swap: set a key if it has an expected value. Exit code 1 if it has another one."
  )

  @OptionGroup var raw: RawArguments

  @Argument(help: "The key.")
  var key: String

  @Argument(help: "The new value; omitted with --delete.")
  var value: String?

  @Option(name: .long, help: "The value that the key must have.")
  var expect: String?

  @Flag(name: .long, help: "The key must not exist.")
  var absent = false

  @Flag(name: .long, help: "Delete the key instead of setting it.")
  var delete = false

  @Option(name: .long, help: "Seconds until the value expires, in clusters with --enable-ttl.")
  var ttl: UInt64 = 0

  /// What `--json` prints.
  private struct Output: Encodable {
    var succeeded: Bool
    /// Missing if the key did not exist.
    var previous: String?
  }

  func validate() throws {
    if absent == (expect != nil) {
      throw ValidationError("give either --expect with a value, or --absent")
    }
    if delete == (value != nil) { throw ValidationError("give either a new value, or --delete") }
  }

  func run() async throws {
    let keyBytes = try raw.form.parse(key, as: "key")
    let expected = try expect.map { try raw.form.parse($0, as: "value") }
    let replacement = try value.map { try raw.form.parse($0, as: "value") }
    try await raw.connection.run { client in
      let swap = try await client.raw.compareAndSwap(
        keyBytes, from: expected, to: replacement, ttl: ttl, in: raw.cf)
      let previous = swap.previous.map(raw.form.text)
      if raw.connection.json {
        try CtlOutput.json(Output(succeeded: swap.succeeded, previous: previous))
      } else {
        let before = previous.map { "the value was \($0)" } ?? "the key did not exist"
        print(swap.succeeded ? "ok; \(before)" : "not swapped: \(before)")
      }
      if !swap.succeeded { throw ExitCode(1) }
    }
  }
}
