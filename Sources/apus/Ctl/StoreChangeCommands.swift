import ArgumentParser
import Client

/// `apus ctl store delete`.
struct StoreDeleteCommand: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "delete",
    abstract: "Remove a store: its replicas move away, then it becomes a tombstone.")

  @OptionGroup var connection: CtlConnection

  @Argument(help: "The store's id.")
  var id: UInt64

  @Flag(
    name: .long,
    help: "The store's machine or disk is lost and will not come back. This cannot be undone.")
  var force = false

  func run() async throws {
    try await connection.change(.delete, "store/\(id)" + (force ? "?force=true" : ""))
  }
}

/// `apus ctl store cancel-delete`.
struct StoreCancelDeleteCommand: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "cancel-delete", abstract: "Keep a store that is being removed.")

  @OptionGroup var connection: CtlConnection

  @Argument(help: "The store's id.")
  var id: UInt64

  func run() async throws { try await connection.change(.post, "store/\(id)/state?state=Up") }
}

/// `apus ctl store remove-tombstone`.
struct StoreRemoveTombstoneCommand: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "remove-tombstone", abstract: "Remove the records of stores that are tombstones.")

  @OptionGroup var connection: CtlConnection

  func run() async throws { try await connection.change(.delete, "stores/remove-tombstone") }
}

/// `apus ctl store label`.
struct StoreLabelCommand: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "label", abstract: "Set or remove labels of a store.")

  @OptionGroup var connection: CtlConnection

  @Argument(help: "The store's id.")
  var id: UInt64

  @Argument(help: ArgumentHelp("The labels to set.", valueName: "key=value"))
  var labels: [String] = []

  @Option(name: .long, help: "Remove this label instead.")
  var delete: String?

  @Flag(name: .long, help: "Remove all other labels.")
  var force = false

  func validate() throws {
    guard labels.isEmpty != (delete == nil) else {
      throw ValidationError("expected either labels or --delete")
    }
    _ = try parsed()
  }

  private func parsed() throws -> [String: CtlJSON] {
    var members: [String: CtlJSON] = [:]
    for label in labels {
      let parts = label.split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false)
      guard parts.count == 2, !parts[0].isEmpty, !parts[1].isEmpty else {
        throw ValidationError("invalid label '\(label)': expected key=value")
      }
      members[String(parts[0])] = .text(String(parts[1]))
    }
    return members
  }

  func run() async throws {
    if let delete {
      return try await connection.change(.delete, "store/\(id)/label", .text(delete))
    }
    try await connection.change(
      .post, "store/\(id)/label" + (force ? "?force=true" : ""), .object(try parsed()))
  }
}

/// `apus ctl store weight`.
struct StoreWeightCommand: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "weight",
    abstract: "Set the share of leaders and of data that a store gets, relative to other stores.")

  @OptionGroup var connection: CtlConnection

  @Argument(help: "The store's id.")
  var id: UInt64

  @Argument(help: "The weight of its leaders; 1 by default.")
  var leader: Double

  @Argument(help: "The weight of its data; 1 by default.")
  var region: Double

  func run() async throws {
    try await connection.change(
      .post, "store/\(id)/weight", .object(["leader": .number(leader), "region": .number(region)]))
  }
}

/// `apus ctl store limit`.
struct StoreLimitCommand: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "limit",
    abstract: "Show or set how many peers a minute stores get and lose.")

  @OptionGroup var connection: CtlConnection

  @Argument(help: "The store's id, or 'all'. Without it all limits are printed.")
  var id: String?

  @Argument(help: "Peers per minute.")
  var rate: Double?

  @Argument(help: "add-peer or remove-peer; both if it is left out.")
  var type: String?

  func validate() throws {
    guard (id == nil) == (rate == nil) else { throw ValidationError("expected a store and a rate") }
    if let id, id != "all", UInt64(id) == nil {
      throw ValidationError("invalid store '\(id)': expected an id or 'all'")
    }
  }

  func run() async throws {
    guard let id, let rate else { return try await connection.show("stores/limit") }
    var body: [String: CtlJSON] = ["rate": .number(rate)]
    if let type { body["type"] = .text(type) }
    let path = id == "all" ? "stores/limit" : "store/\(id)/limit"
    try await connection.change(.post, path, .object(body))
  }
}
