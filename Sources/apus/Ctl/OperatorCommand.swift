import ArgumentParser
import Client

/// `apus ctl operator`.
struct OperatorCommand: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "operator", abstract: "Operators: changes of regions that are under way.",
    subcommands: [
      OperatorShowCommand.self, OperatorCheckCommand.self, OperatorAddCommand.self,
      OperatorRemoveCommand.self, OperatorHistoryCommand.self,
    ])
}

/// `apus ctl operator show`.
struct OperatorShowCommand: AsyncParsableCommand {
  enum Kind: String, ExpressibleByArgument, CaseIterable {
    case admin
    case leader
    case region
    case waiting
  }

  static let configuration = CommandConfiguration(
    commandName: "show", abstract: "List the running operators.")

  @OptionGroup var connection: CtlConnection

  @Argument(help: "Only operators of this kind.")
  var kind: Kind?

  func run() async throws {
    try await connection.show("operators" + (kind.map { "?kind=\($0.rawValue)" } ?? ""))
  }
}

/// `apus ctl operator check`.
struct OperatorCheckCommand: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "check", abstract: "Show a region's operator and how far it is.")

  @OptionGroup var connection: CtlConnection

  @Argument(help: "The region's id.")
  var region: UInt64

  func run() async throws { try await connection.show("operators/\(region)") }
}

/// `apus ctl operator add`.
struct OperatorAddCommand: AsyncParsableCommand {
  enum Name: String, ExpressibleByArgument, CaseIterable {
    case transferLeader = "transfer-leader"
    case transferRegion = "transfer-region"
    case transferPeer = "transfer-peer"
    case addPeer = "add-peer"
    case removePeer = "remove-peer"
    case scatterRegion = "scatter-region"
    case mergeRegion = "merge-region"
    case splitRegion = "split-region"
  }

  enum Policy: String, ExpressibleByArgument, CaseIterable {
    case scan
    case approximate
    case usekey
  }

  static let configuration = CommandConfiguration(
    commandName: "add",
    abstract: "Begin an operator on a region.",
    discussion: """
      transfer-leader REGION STORE; transfer-region REGION STORE...; transfer-peer REGION FROM TO;
      add-peer REGION STORE; remove-peer REGION STORE; scatter-region REGION; merge-region REGION NEIGHBOR;
      split-region REGION [--policy usekey --keys KEY,KEY]
      """)

  @OptionGroup var connection: CtlConnection

  @Argument(help: "What to do.")
  var name: Name

  @Argument(help: "The region's id.")
  var region: UInt64

  @Argument(help: "The stores' ids; of merge-region the id of the region that grows.")
  var stores: [UInt64] = []

  @Option(name: .long, help: "How split-region finds the keys: in the middle, or as given.")
  var policy = Policy.scan

  @Option(
    name: .long, help: "The first keys of the regions to be, in hexadecimal, separated by commas.")
  var keys: String?

  func validate() throws { _ = try body() }

  private func body() throws -> CtlJSON {
    var members: [String: CtlJSON] = ["name": .text(name.rawValue), "region_id": .integer(region)]
    let expected: [String]
    switch name {
    case .transferRegion:
      guard !stores.isEmpty else { throw ValidationError("expected the stores' ids") }
      members["to_store_ids"] = .list(stores.map { .integer($0) })
      return .object(members)
    case .transferLeader: expected = ["to_store_id"]
    case .transferPeer: expected = ["from_store_id", "to_store_id"]
    case .addPeer, .removePeer: expected = ["store_id"]
    case .scatterRegion: expected = []
    case .mergeRegion:
      members["region_id"] = nil
      members["source_region_id"] = .integer(region)
      expected = ["target_region_id"]
    case .splitRegion:
      members["policy"] = .text(policy.rawValue)
      let split = keys.map { $0.split(separator: ",").map { CtlJSON.text(String($0)) } } ?? []
      guard split.isEmpty != (policy == .usekey) else {
        throw ValidationError("--keys are needed with --policy usekey only")
      }
      if !split.isEmpty { members["keys"] = .list(split) }
      expected = []
    }
    guard stores.count == expected.count else {
      throw ValidationError(
        "\(name.rawValue) takes \(expected.count) more ids, not \(stores.count)")
    }
    for (key, store) in zip(expected, stores) { members[key] = .integer(store) }
    return .object(members)
  }

  func run() async throws { try await connection.change(.post, "operators", try body()) }
}

/// `apus ctl operator remove`.
struct OperatorRemoveCommand: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "remove", abstract: "Cancel the operator of a region.")

  @OptionGroup var connection: CtlConnection

  @Argument(help: "The region's id.")
  var region: UInt64

  func run() async throws { try await connection.change(.delete, "operators/\(region)") }
}

/// `apus ctl operator history`.
struct OperatorHistoryCommand: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "history", abstract: "List the operators that ended, newest first.")

  @OptionGroup var connection: CtlConnection

  @Argument(help: "Only those that ended since this time, in seconds since 1970.")
  var from: UInt64 = 0

  func run() async throws { try await connection.show("operators/records?from=\(from)") }
}
