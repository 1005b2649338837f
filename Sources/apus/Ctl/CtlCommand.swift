import ArgumentParser

/// `apus ctl`: commands that inspect and operate a cluster.
struct CtlCommand: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "ctl",
    abstract: "Inspect and operate a cluster.",
    subcommands: [
      StoreCommand.self, RegionCommand.self, OperatorCommand.self, SchedulerCommand.self,
      ConfigCommand.self, HotCommand.self, TSOCommand.self, RawCommand.self,
      UnsafeRecoverCommand.self, LogCommand.self,
    ])
}

/// `apus ctl region`.
struct RegionCommand: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "region", abstract: "Regions: ranges of keys, each a raft group.",
    subcommands: [
      RegionListCommand.self, RegionShowCommand.self, RegionKeyCommand.self,
      RegionSiblingCommand.self, RegionCheckCommand.self, RegionSplitCommand.self,
    ])
}
