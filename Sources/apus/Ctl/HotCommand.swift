import ArgumentParser
import Client

/// `apus ctl hot`.
struct HotCommand: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "hot", abstract: "Where clients read and write most.",
    subcommands: [HotReadCommand.self, HotWriteCommand.self, HotStoreCommand.self])
}

/// `apus ctl hot read`.
struct HotReadCommand: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "read", abstract: "Show the regions that are read most, by store.")

  @OptionGroup var connection: CtlConnection

  func run() async throws { try await connection.show("hotspot/regions/read") }
}

/// `apus ctl hot write`.
struct HotWriteCommand: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "write", abstract: "Show the regions that are written most, by store.")

  @OptionGroup var connection: CtlConnection

  func run() async throws { try await connection.show("hotspot/regions/write") }
}

/// `apus ctl hot store`.
struct HotStoreCommand: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "store", abstract: "Show what is read from and written to each store in a second.")

  @OptionGroup var connection: CtlConnection

  func run() async throws { try await connection.show("hotspot/stores") }
}
