import ArgumentParser
import Client

/// `apus ctl raw delete`.
struct RawDeleteCommand: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "delete",
    abstract: "Remove a key, or with --to every key from it up to, not including, another.")

  @OptionGroup var raw: RawArguments

  @Argument(help: "The key.")
  var key: String

  @Option(name: .long, help: "Remove the keys up to this one.")
  var to: String?

  /// What `--json` prints.
  private struct Output: Encodable {
    var key: String
    var to: String?
  }

  func run() async throws {
    let start = try raw.form.parse(key, as: "key")
    let end = try to.map { try raw.form.parse($0, as: "key") }
    if let end, end.isEmpty {
      throw ValidationError("--to must not be empty: that would remove every key from \(key) on")
    }
    if let end, let to, !start.lexicographicallyPrecedes(end) {
      throw ValidationError("--to must be after the key: the range from \(key) to \(to) is empty")
    }
    try await raw.connection.run { client in
      if let end {
        try await client.raw.deleteRange(from: start, to: end, in: raw.cf)
      } else {
        try await client.raw.delete(start, in: raw.cf)
      }
      if raw.connection.json {
        try CtlOutput.json(Output(key: raw.form.text(start), to: end.map(raw.form.text)))
      } else {
        print("ok")
      }
    }
  }
}
