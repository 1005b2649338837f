import ArgumentParser
import Client

/// `apus ctl config`.
struct ConfigCommand: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "config", abstract: "Settings of the placement driver.",
    subcommands: [ConfigShowCommand.self, ConfigSetCommand.self])
}

/// `apus ctl config show`.
struct ConfigShowCommand: AsyncParsableCommand {
  enum Section: String, ExpressibleByArgument, CaseIterable {
    case all
    case schedule
    case replication

    var path: String {
      switch self {
      case .all: "config"
      case .schedule: "config/schedule"
      case .replication: "config/replicate"
      }
    }
  }

  static let configuration = CommandConfiguration(
    commandName: "show", abstract: "Print the settings as JSON.")

  @OptionGroup var connection: CtlConnection

  @Argument(help: "The section.")
  var section = Section.all

  func run() async throws { try await connection.show(section.path) }
}

/// `apus ctl config set`.
struct ConfigSetCommand: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "set", abstract: "Change a setting; it outlasts a restart.")

  @OptionGroup var connection: CtlConnection

  @Argument(help: "The setting's name.")
  var name: String

  @Argument(help: "Its value.")
  var value: String

  func run() async throws {
    try await connection.change(.post, "config", .object([name: .text(value)]))
  }
}

/// `apus ctl tso`.
struct TSOCommand: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "tso",
    abstract: "Show the two parts of a timestamp: milliseconds since 1970, and a counter.")

  @OptionGroup var connection: CtlConnection

  @Argument(help: "The timestamp; a new one is requested without it.")
  var timestamp: UInt64?

  /// What `--json` prints.
  private struct Output: Encodable {
    var timestamp: UInt64
    var physical: UInt64
    var logical: UInt64
  }

  func run() async throws {
    if let timestamp { return try show(timestamp) }
    try await connection.run { client in try show(try await client.cluster.timestamp()) }
  }

  private func show(_ timestamp: UInt64) throws {
    let output = Output(
      timestamp: timestamp, physical: timestamp >> 18, logical: timestamp & (1 << 18 - 1))
    if connection.json { return try CtlOutput.json(output) }
    CtlOutput.facts([
      ("timestamp", "\(output.timestamp)"), ("system", CtlOutput.time(output.physical)),
      ("logic", "\(output.logical)"),
    ])
  }
}
