import ArgumentParser
import Client

/// `apus ctl region list`.
struct RegionListCommand: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "list", abstract: "List regions in the order of their keys.")

  @OptionGroup var connection: CtlConnection
  @OptionGroup var form: KeyForm

  @Option(name: .long, help: "Maximum number of regions (0: all).")
  var limit = 0

  @Option(name: .long, help: "Start at the region that contains this key.")
  var start = ""

  @Option(name: .long, help: "Only regions that start below this key.")
  var end = ""

  func validate() throws {
    try FlagValue.check("--limit", limit, 0...10_000_000)
  }

  func run() async throws {
    let from = try form.parse(start, as: "key")
    let to = try form.parse(end, as: "key")
    try await connection.run { client in
      let regions = try await client.cluster.regions(from: from, to: to, limit: limit)
      if connection.json { return try CtlOutput.json(regions) }
      var table = TextTable(
        ["ID", "START", "END", "EPOCH", "LEADER", "PEERS", "DOWN", "PENDING"], numbers: ["ID"])
      for region in regions {
        table.add([
          "\(region.id)",
          CtlOutput.key(region.startKey, unbounded: "-", hex: form.hex),
          CtlOutput.key(region.endKey, unbounded: "-", hex: form.hex),
          "\(region.confVersion)/\(region.version)",
          region.leader.map(Self.text) ?? "none",
          region.peers.map(Self.text).joined(separator: " "),
          region.downPeers.map { Self.text($0.peer) }.joined(separator: " "),
          region.pendingPeers.map(Self.text).joined(separator: " "),
        ])
      }
      CtlOutput.table(table)
    }
  }

  /// `peer@store`, followed by the role unless it is a voter.
  static func text(_ peer: PeerView) -> String {
    let text = "\(peer.id)@\(peer.storeID)"
    return peer.role == .voter ? text : "\(text)(\(peer.role.rawValue))"
  }
}
