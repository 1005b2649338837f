import ArgumentParser
import Client

/// Prints how long a value is still valid.
struct RawTTLCommand: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "ttl",
    abstract:
      "Print the seconds until a key expires, 0 for never. Exit code 1 if there is no such key.")

  @OptionGroup var raw: RawArguments

  @Argument(help: "The key.")
  var key: String

  /// What `--json` prints.
  private struct Output: Encodable {
    var key: String
    var ttl: UInt64
  }

  func run() async throws {
    let bytes = try raw.form.parse(key, as: "key")
    try await raw.connection.run { client in
      guard let seconds = try await client.raw.ttl(bytes, in: raw.cf) else {
        throw ClientError.notFound("key \(raw.form.text(bytes))")
      }
      if raw.connection.json {
        try CtlOutput.json(Output(key: raw.form.text(bytes), ttl: seconds))
      } else {
        print(seconds)
      }
    }
  }
}
