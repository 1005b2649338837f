import ArgumentParser
import Client

/// `apus ctl scheduler`.
struct SchedulerCommand: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "scheduler", abstract: "Schedulers: what plans operators.",
    subcommands: [
      SchedulerShowCommand.self, SchedulerAddCommand.self, SchedulerRemoveCommand.self,
      SchedulerPauseCommand.self, SchedulerResumeCommand.self,
    ])

  /// A name as a part of a path.
  static func checked(_ name: String) throws -> String {
    guard !name.isEmpty,
      name.utf8.allSatisfy({
        (0x30...0x39).contains($0) || (0x61...0x7A).contains($0) || $0 == 0x2D
      })
    else { throw ValidationError("invalid scheduler '\(name)'") }
    return name
  }
}

/// `apus ctl scheduler show`.
struct SchedulerShowCommand: AsyncParsableCommand {
  enum Status: String, ExpressibleByArgument, CaseIterable {
    case paused
    case disabled
  }

  static let configuration = CommandConfiguration(
    commandName: "show", abstract: "List the schedulers.")

  @OptionGroup var connection: CtlConnection

  @Option(name: .long, help: "Only schedulers in this state.")
  var status: Status?

  func run() async throws {
    try await connection.show("schedulers" + (status.map { "?status=\($0.rawValue)" } ?? ""))
  }
}

/// `apus ctl scheduler add`.
struct SchedulerAddCommand: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "add",
    abstract:
      "Add a scheduler: balance-leader-scheduler, balance-region-scheduler, balance-hot-region-scheduler, "
      + "evict-leader-scheduler."
  )

  @OptionGroup var connection: CtlConnection

  @Argument(help: "The scheduler's name.")
  var name: String

  @Argument(help: "The store whose leaders evict-leader-scheduler moves away.")
  var store: UInt64?

  func run() async throws {
    var body: [String: CtlJSON] = ["name": .text(name)]
    if let store { body["store_id"] = .integer(store) }
    try await connection.change(.post, "schedulers", .object(body))
  }
}

/// `apus ctl scheduler remove`.
struct SchedulerRemoveCommand: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "remove",
    abstract: "Remove a scheduler; evict-leader-scheduler-STORE removes one store of it.")

  @OptionGroup var connection: CtlConnection

  @Argument(help: "The scheduler's name.")
  var name: String

  func run() async throws {
    try await connection.change(.delete, "schedulers/\(try SchedulerCommand.checked(name))")
  }
}

/// `apus ctl scheduler pause`.
struct SchedulerPauseCommand: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "pause", abstract: "Stop a scheduler for some time.")

  @OptionGroup var connection: CtlConnection

  @Argument(help: "The scheduler's name, or 'all'.")
  var name: String

  @Argument(help: "Seconds.")
  var seconds: UInt64

  func run() async throws {
    try await connection.change(
      .post, "schedulers/\(try SchedulerCommand.checked(name))",
      .object(["delay": .integer(seconds)]))
  }
}

/// `apus ctl scheduler resume`.
struct SchedulerResumeCommand: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "resume", abstract: "Let a paused scheduler run again.")

  @OptionGroup var connection: CtlConnection

  @Argument(help: "The scheduler's name, or 'all'.")
  var name: String

  func run() async throws {
    try await connection.change(
      .post, "schedulers/\(try SchedulerCommand.checked(name))", .object(["delay": .integer(0)]))
  }
}
