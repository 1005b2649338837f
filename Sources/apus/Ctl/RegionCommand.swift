import ArgumentParser

/// Regions.
struct RegionCommand: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "region", abstract: "Regions: ranges of keys, each replicated by itself.",
    subcommands: [RegionListCommand.self, RegionShowCommand.self])
}
