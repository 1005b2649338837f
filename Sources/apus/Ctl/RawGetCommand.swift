import ArgumentParser
import Client

/// `apus ctl raw get`.
struct RawGetCommand: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "get", abstract: "Print the value of a key; exit code 1 if there is none.")

  @OptionGroup var raw: RawArguments

  @Argument(help: "The key.")
  var key: String

  func run() async throws {
    let bytes = try raw.form.parse(key, as: "key")
    try await raw.connection.run { client in
      guard let value = try await client.raw.get(bytes, in: raw.cf) else {
        throw ClientError.notFound("key \(raw.form.text(bytes))")
      }
      let text = raw.form.text(value)
      if raw.connection.json {
        try CtlOutput.json(RawPairOutput(key: raw.form.text(bytes), value: text))
      } else {
        print(text)
      }
    }
  }
}
