import ArgumentParser
import Runtime

/// The command `apus` and its subcommands.
@main
struct Apus: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "apus",
    abstract: "A distributed key-value store that speaks TiKV's protocol.",
    version: version,
    subcommands: [
      NodeCommand.self, PDCommand.self, PlaygroundCommand.self, CtlCommand.self, VerifyCommand.self,
      SimCommand.self,
    ])

  static func main() async {
    StandardStreams.prepare()
    CrashReport.install()
    ProcessArguments.requireUTF8()
    await main(ProcessArguments.separatingEmptyValues(CommandLine.arguments.dropFirst()))
  }

  /// The release, as `--version` prints it.
  static let version = "0.1.0"
}
