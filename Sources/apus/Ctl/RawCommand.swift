import ArgumentParser
import Client

/// `apus ctl raw`: keys and values outside transactions.
struct RawCommand: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "raw", abstract: "Read and write plain keys and values.",
    subcommands: [
      RawGetCommand.self, RawPutCommand.self, RawDeleteCommand.self, RawScanCommand.self,
      RawSwapCommand.self, RawTTLCommand.self, RawChecksumCommand.self,
    ])
}

/// The options of every `apus ctl raw` command.
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

/// A key with its value, as `--json` prints it. Both are written as `KeyForm` says.
struct RawPairOutput: Encodable {
  var key: String
  var value: String
}
