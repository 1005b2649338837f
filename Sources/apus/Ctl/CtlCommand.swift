import ArgumentParser

/// Look at a cluster and act on it.
struct CtlCommand: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "ctl",
    abstract: "Inspect and operate a cluster.",
    subcommands: [StoreCommand.self, RegionCommand.self, RawCommand.self])
}
