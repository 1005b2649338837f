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

extension RawClient.Family: ExpressibleByArgument {}

/// What all raw commands take.
struct RawArguments: ParsableArguments {
  @OptionGroup var connection: CtlConnection
  @OptionGroup var form: KeyForm

  @Option(name: .long, help: "The column family.")
  var cf = RawClient.Family.default
}

/// A pair, as `--json` prints it.
struct RawPairOutput: Encodable {
  var key: String
  var value: String
}
