import ArgumentParser
import Client

/// `apus ctl store`.
struct StoreCommand: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "store", abstract: "Stores: the nodes that hold data.",
    subcommands: [
      StoreListCommand.self, StoreShowCommand.self, StoreDeleteCommand.self,
      StoreCancelDeleteCommand.self, StoreRemoveTombstoneCommand.self, StoreLabelCommand.self,
      StoreWeightCommand.self, StoreLimitCommand.self,
    ])
}

/// `apus ctl store list`.
struct StoreListCommand: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "list", abstract: "List all stores.")

  @OptionGroup var connection: CtlConnection

  @Flag(name: .long, help: "Include tombstone stores.")
  var tombstones = false

  func run() async throws {
    try await connection.run { client in
      let stores = try await client.cluster.stores(includingTombstones: tombstones)
      if connection.json { return try CtlOutput.json(stores) }
      var table = TextTable(
        [
          "ID", "STATE", "ADDRESS", "STATUS ADDRESS", "REGIONS", "USED", "AVAILABLE",
          "LAST HEARTBEAT",
        ],
        numbers: ["ID", "REGIONS", "USED", "AVAILABLE"])
      for store in stores {
        let statistics = store.statistics
        table.add([
          "\(store.id)", store.state.rawValue, store.address, store.statusAddress,
          statistics.map { "\($0.regions)" } ?? "-",
          statistics.map { ByteSize.text($0.used) } ?? "-",
          statistics.map { ByteSize.text($0.available) } ?? "-",
          CtlOutput.age(store.lastHeartbeat),
        ])
      }
      CtlOutput.table(table)
    }
  }
}

/// `apus ctl store show`.
struct StoreShowCommand: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "show", abstract: "Show one store.")

  @OptionGroup var connection: CtlConnection

  @Argument(help: "The store's id.")
  var id: UInt64

  func run() async throws {
    try await connection.run { client in
      guard let store = try await client.cluster.store(id: id) else {
        throw ClientError.notFound("store \(id)")
      }
      if connection.json { return try CtlOutput.json(store) }
      var facts = [
        ("id", "\(store.id)"), ("state", store.state.rawValue), ("address", store.address),
        ("status address", store.statusAddress), ("version", store.version),
        ("labels", store.labels.joined(separator: " ")),
        ("last heartbeat", CtlOutput.age(store.lastHeartbeat)),
      ]
      if !store.peerAddress.isEmpty { facts.insert(("peer address", store.peerAddress), at: 3) }
      if let statistics = store.statistics {
        facts += [
          ("regions", "\(statistics.regions)"),
          ("capacity", ByteSize.text(statistics.capacity)),
          ("available", ByteSize.text(statistics.available)),
          ("used", ByteSize.text(statistics.used)),
          ("busy", "\(statistics.isBusy)"),
          (
            "snapshots",
            "\(statistics.sendingSnapshots) sending, \(statistics.receivingSnapshots) receiving, "
              + "\(statistics.applyingSnapshots) applying"
          ),
        ]
      }
      CtlOutput.facts(facts.filter { !$0.1.isEmpty })
    }
  }
}
