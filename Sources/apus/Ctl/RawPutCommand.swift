import ArgumentParser
import Client

/// `apus ctl raw put`.
struct RawPutCommand: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "put", abstract: "Set the value of a key.")

  @OptionGroup var raw: RawArguments

  @Argument(help: "The key.")
  var key: String

  @Argument(help: "The value.")
  var value: String

  @Option(name: .long, help: "Seconds until the value expires, in clusters with --enable-ttl.")
  var ttl: UInt64 = 0

  func run() async throws {
    let keyBytes = try raw.form.parse(key, as: "key")
    let valueBytes = try raw.form.parse(value, as: "value")
    try await raw.connection.run { client in
      try await client.raw.put(keyBytes, valueBytes, ttl: ttl, in: raw.cf)
      if raw.connection.json {
        try CtlOutput.json(
          RawPairOutput(key: raw.form.text(keyBytes), value: raw.form.text(valueBytes)))
      } else {
        print("ok")
      }
    }
  }
}
