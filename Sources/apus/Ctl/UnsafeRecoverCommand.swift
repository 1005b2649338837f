import ArgumentParser
import Client

/// `apus ctl unsafe-recover`.
struct UnsafeRecoverCommand: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "unsafe-recover",
    abstract: "Give up stores that are lost for good, with the data that only they had.",
    subcommands: [RemoveFailedStoresCommand.self, ShowRecoveryCommand.self])
}

/// `apus ctl unsafe-recover remove-failed-stores`.
struct RemoveFailedStoresCommand: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "remove-failed-stores",
    abstract: "Let regions that lost their quorums go on with what is left of them.",
    discussion: """
      Of each region the replica with the newest log goes on alone, and new replicas are made from it. Writes that \
      only the failed stores had are lost, also acknowledged ones. The failed stores must never be started again. \
      The command returns once the placement driver has begun; `show` tells how far it is.
      """)

  @OptionGroup var connection: CtlConnection

  @Flag(name: .long, help: "Show what would be done, and change nothing.")
  var dryRun = false

  @Option(name: .long, help: "Seconds after which the recovery is given up.")
  var recoveryTimeout: UInt64 = 300

  @Argument(help: "Ids of stores, separated by commas.")
  var stores: String

  func validate() throws {
    _ = try ids
    guard (1...86_400).contains(recoveryTimeout) else {
      throw ValidationError("--recovery-timeout must be from 1 to 86400")
    }
  }

  private var ids: [UInt64] {
    get throws {
      try stores.split(separator: ",", omittingEmptySubsequences: false).map { text in
        guard let id = UInt64(text) else {
          throw ValidationError("'\(text)' is not the id of a store")
        }
        return id
      }
    }
  }

  func run() async throws {
    try await connection.change(
      .post, "admin/unsafe/remove-failed-stores",
      .object([
        "stores": .list(try ids.map { .integer($0) }), "timeout": .integer(recoveryTimeout),
        "dry-run": .flag(dryRun),
      ]))
  }
}

/// `apus ctl unsafe-recover show`.
struct ShowRecoveryCommand: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "show", abstract: "Show the plan and the progress of the last recovery.")

  @OptionGroup var connection: CtlConnection

  func run() async throws {
    try await connection.show("admin/unsafe/remove-failed-stores/show")
  }
}
