import ArgumentParser

/// Look at a cluster and act on it.
struct CtlCommand: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "ctl",
    abstract: "Inspect and operate a cluster.",
    subcommands: [StoreCommand.self, RegionCommand.self, RawCommand.self])
}

/// Regions.
struct RegionCommand: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "region", abstract: "Regions: ranges of keys, each replicated by itself.",
    subcommands: [RegionListCommand.self, RegionShowCommand.self])
}
