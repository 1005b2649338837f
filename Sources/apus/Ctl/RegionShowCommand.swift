import ArgumentParser
import Client
import NIOPosix

/// `apus ctl region show`: one region, and the raft state of each replica from its store's status port.
struct RegionShowCommand: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "show", abstract: "Show one region and the raft state of each of its replicas.")

  @OptionGroup var connection: CtlConnection
  @OptionGroup var form: KeyForm

  @Argument(help: "The region's id.")
  var id: UInt64?

  @Option(name: .long, help: "The region that contains this key, instead of an id.")
  var key: String?

  func validate() throws {
    guard (id == nil) != (key == nil) else {
      throw ValidationError("expected either a region's id or --key")
    }
  }

  /// What `--json` prints.
  private struct Report: Encodable {
    var region: RegionView
    var replicas: [ReplicaStatus]
  }

  func run() async throws {
    let key = try key.map { try form.parse($0, as: "key") }
    try await connection.run { client in
      let region = try await find(client.cluster, key)
      let replicas = try await replicas(of: region, client.cluster)
      if connection.json {
        return try CtlOutput.json(Report(region: region, replicas: replicas))
      }
      show(region)
      print("")
      show(replicas)
    }
  }

  private func find(_ cluster: ClusterClient, _ key: [UInt8]?) async throws -> RegionView {
    if let key {
      guard let region = try await cluster.region(holding: key) else {
        throw ClientError.notFound("a region that contains key \(form.text(key))")
      }
      return region
    }
    guard let id, let region = try await cluster.region(id: id) else {
      throw ClientError.notFound("region \(id ?? 0)")
    }
    return region
  }

  private func replicas(
    of region: RegionView, _ cluster: ClusterClient
  ) async throws -> [ReplicaStatus] {
    let stores = try await cluster.stores(includingTombstones: true)
    let group = MultiThreadedEventLoopGroup.singleton
    let found = await withTaskGroup(of: ReplicaStatus.self) { tasks in
      for peer in region.peers {
        let store = stores.first { $0.id == peer.storeID }
        tasks.addTask {
          await ReplicaStatus.fetch(
            from: store, id: peer.storeID, region: region.id, group: group)
        }
      }
      var found: [ReplicaStatus] = []
      for await status in tasks { found.append(status) }
      return found
    }
    return found.sorted { $0.storeID < $1.storeID }
  }

  private func show(_ region: RegionView) {
    CtlOutput.facts([
      ("region", "\(region.id)"),
      ("start", CtlOutput.key(region.startKey, unbounded: "(first key)", hex: form.hex)),
      ("end", CtlOutput.key(region.endKey, unbounded: "(no bound)", hex: form.hex)),
      ("epoch", "conf_ver \(region.confVersion), version \(region.version)"),
      ("leader", region.leader.map(RegionListCommand.text) ?? "none known"),
      ("peers", region.peers.map(RegionListCommand.text).joined(separator: " ")),
      (
        "down",
        region.downPeers.isEmpty
          ? "none"
          : region.downPeers.map { "\(RegionListCommand.text($0.peer)) for \($0.seconds) s" }
            .joined(separator: ", ")
      ),
      (
        "pending",
        region.pendingPeers.isEmpty
          ? "none" : region.pendingPeers.map(RegionListCommand.text).joined(separator: " ")
      ),
    ])
  }

  private func show(_ replicas: [ReplicaStatus]) {
    let columns = [
      "PEER", "ROLE", "LEADER", "TERM", "VOTE", "COMMITTED", "APPLIED", "FIRST", "LAST",
      "TRUNCATED", "STATE",
    ]
    var table = TextTable(
      ["STORE"] + columns, numbers: Set(["STORE"] + columns).subtracting(["ROLE", "STATE"]))
    for replica in replicas {
      table.add(
        ["\(replica.storeID)"] + (replica.raft.map(Self.cells) ?? columns.map { _ in "-" }))
    }
    CtlOutput.table(table)
    for replica in replicas {
      if let problem = replica.problem { print("store \(replica.storeID): \(problem)") }
      for progress in replica.raft?.progress ?? [] {
        print("store \(replica.storeID) sees: \(Self.text(progress))")
      }
    }
  }

  /// In the order of the table's columns.
  private static func cells(_ raft: RegionReport) -> [String] {
    [
      "\(raft.peerID)", raft.role.rawValue, "\(raft.leader)", "\(raft.term)", "\(raft.vote)",
      "\(raft.committed)", "\(raft.applied)", "\(raft.first)", "\(raft.last)", "\(raft.truncated)",
      raft.state,
    ]
  }

  private static func text(_ progress: RegionReport.Progress) -> String {
    "active=\(progress.active) learner=\(progress.learner) match=\(progress.match) "
      + "next=\(progress.next) peer_id=\(progress.peerID) state=\(progress.state)"
  }
}
