import ArgumentParser
import Server

/// `apus ctl log`.
struct LogCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "log", abstract: "The raft log in a data directory that no process uses.",
    subcommands: [
      LogStatCommand.self, LogDumpCommand.self, LogVerifyCommand.self, LogRepairCommand.self,
      LogConvertCommand.self,
    ])
}

/// The data directory of `apus ctl log`.
struct LogLocation: ParsableArguments {
  @Option(name: .long, help: "The data directory of a store that is stopped.")
  var dataDir: String

  /// Runs `body` on the directory's log. A failure is printed; the exit code is 1.
  func run(_ body: (RaftLogTool) throws -> Void) throws {
    do {
      try body(try RaftLogTool(dataDirectory: dataDir))
    } catch let failure as RaftLogTool.Failure {
      ProcessEnd.printError("\(failure)")
      throw ExitCode.failure
    }
  }
}

/// `apus ctl log stat`.
struct LogStatCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "stat", abstract: "Show the log engine, the size and the state of each region.")

  @OptionGroup var location: LogLocation
  @Flag(help: "Print JSON.") var json = false

  func run() throws {
    try location.run { tool in
      let found = try tool.statistics()
      if json { return try CtlOutput.json(found) }
      CtlOutput.facts([
        ("log engine", found.engine), ("path", found.path), ("cluster", "\(found.clusterID)"),
        ("store", "\(found.storeID)"), ("bytes", "\(found.bytes)"),
        ("regions", "\(found.regions.count)"), ("entries", "\(found.entries)"),
      ])
      for region in found.regions { print(region.text) }
      for warning in found.warnings { print("warning: \(warning)") }
    }
  }
}

/// `apus ctl log dump`.
struct LogDumpCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "dump", abstract: "Show states, keys and entries, a line each.")

  @OptionGroup var location: LogLocation
  @Option(help: "Only this region.") var region: UInt64?
  @Option(help: "The first index to show.") var from: UInt64 = 0
  @Option(help: "The last index to show.") var to: UInt64 = .max - 1
  @Flag(help: "Show the data of entries, in hexadecimal.") var data = false

  func validate() throws {
    guard from <= to else { throw ValidationError("--from must not be above --to") }
    guard to < .max else { throw ValidationError("--to is too large") }
  }

  func run() throws {
    try location.run { tool in
      try tool.dump(region: region, indexes: from...to, showsData: data) { print($0) }
    }
  }
}

/// `apus ctl log verify`.
struct LogVerifyCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "verify", abstract: "Read everything and check it. Exit status 1: it is damaged.")

  @OptionGroup var location: LogLocation

  func run() throws {
    try location.run { tool in
      try tool.verify()
      print("the raft log in \(tool.path) is complete")
    }
  }
}

/// `apus ctl log repair`.
struct LogRepairCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "repair", abstract: "Move what can be read out of damaged files.",
    discussion: """
      Names the regions that are damaged: when the store starts, its replicas of these are fenced, and the placement \
      driver replaces them. Keep a copy of the data directory.
      """)

  @OptionGroup var location: LogLocation

  func run() throws {
    try location.run { tool in
      let found = try tool.repair()
      for warning in found.warnings { print("found: \(warning)") }
      for (region, reason) in found.damaged { print("region \(region) is damaged: \(reason)") }
      print(
        found.damaged.isEmpty
          ? "no region is damaged" : "\(found.damaged.count) regions need a new replica")
    }
  }
}

/// `apus ctl log convert`.
struct LogConvertCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "convert", abstract: "Move the log to another log engine.",
    discussion: """
      The copy is compared with the log before it takes its place. Then start the store with the same \
      raftstore.log-engine.
      """)

  @OptionGroup var location: LogLocation
  @Option(help: "The log engine: \(RaftLogTool.engineNames.joined(separator: ", ")).")
  var to: String

  func run() throws {
    try location.run { tool in
      try tool.convert(toEngine: to) { ProcessEnd.say($0) }
    }
  }
}
