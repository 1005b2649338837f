import ArgumentParser
import Client

/// Plain keys and values.
struct RawCommand: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "raw", abstract: "Read and write plain keys and values.",
    subcommands: [
      RawGetCommand.self, RawPutCommand.self, RawDeleteCommand.self, RawScanCommand.self,
    ])
}

/// What all raw commands take.
struct RawArguments: ParsableArguments {
  @OptionGroup var connection: CtlConnection
  @OptionGroup var form: KeyForm

  @Option(
    name: .long, help: "The column family: default, write or lock.", transform: Self.family)
  var cf = RawClient.Family.default

  private static func family(_ name: String) throws -> RawClient.Family {
    guard let family = RawClient.Family(rawValue: name) else {
      throw ValidationError("unknown column family '\(name)': expected default, write or lock")
    }
    return family
  }
}

/// A pair, as `--json` prints it.
struct RawPairOutput: Encodable {
  var key: String
  var value: String
}
