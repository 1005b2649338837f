import ArgumentParser

/// Look at a cluster and act on it.
struct CtlCommand: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "ctl",
    abstract: "Look at a cluster and act on it.",
    subcommands: [StoreCommand.self, RegionCommand.self, RawCommand.self])
}
