import ArgumentParser
import Client

/// `apus ctl region split`.
struct RegionSplitCommand: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "split", abstract: "Split a region: at keys, or in the middle of its data.")

  @OptionGroup var connection: CtlConnection
  @OptionGroup var form: KeyForm

  @Argument(help: "The region's id.")
  var id: UInt64

  @Option(
    name: .long, help: "The first key of a region to be; may be repeated. (default: the middle)")
  var key: [String] = []

  @Flag(name: .long, help: "The keys are keys of transactions, not raw ones.")
  var txn = false

  func run() async throws {
    let keys = try key.map { try form.parse($0, as: "key") }
    try await connection.run { client in
      let regions = try await client.cluster.splitRegion(
        id: id, at: keys, isTransactional: txn)
      if connection.json { return try CtlOutput.json(regions) }
      var table = TextTable(["ID", "START", "END", "EPOCH"], numbers: ["ID"])
      for region in regions {
        table.add([
          "\(region.id)",
          CtlOutput.key(region.startKey, unbounded: "-", hex: form.hex),
          CtlOutput.key(region.endKey, unbounded: "-", hex: form.hex),
          "\(region.confVersion)/\(region.version)",
        ])
      }
      CtlOutput.table(table)
    }
  }
}
