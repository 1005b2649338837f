import ArgumentParser
import Client

/// `apus ctl raw scan`.
struct RawScanCommand: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "scan",
    abstract: "Print the pairs from one key up to, not including, another.")

  @OptionGroup var raw: RawArguments

  @Argument(help: "Start key; empty for the first key.")
  var start = ""

  @Argument(help: "End key, exclusive; empty for no bound.")
  var end = ""

  @Option(name: .long, help: "Maximum number of results.")
  var limit = 100

  @Flag(name: .long, help: "Scan in descending order.")
  var reverse = false

  @Flag(name: .long, help: "Only keys.")
  var keysOnly = false

  /// What `--json` prints for a key without its value.
  private struct KeyOutput: Encodable {
    var key: String
  }

  func validate() throws {
    // All pairs are in memory before they are printed.
    try FlagValue.check("--limit", limit, 1...10_000_000)
  }

  func run() async throws {
    let from = try raw.form.parse(start, as: "key")
    let to = try raw.form.parse(end, as: "key")
    try await raw.connection.run { client in
      let pairs = try await client.raw.scan(
        from: from, to: to, limit: limit, order: reverse ? .descending : .ascending,
        keysOnly: keysOnly, in: raw.cf)
      let texts = pairs.map {
        RawPairOutput(key: raw.form.text($0.key), value: raw.form.text($0.value))
      }
      if raw.connection.json {
        if keysOnly { return try CtlOutput.json(texts.map { KeyOutput(key: $0.key) }) }
        return try CtlOutput.json(texts)
      }
      for text in texts { print(keysOnly ? text.key : "\(text.key)\t\(text.value)") }
    }
  }
}
