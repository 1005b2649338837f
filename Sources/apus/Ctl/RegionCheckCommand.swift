import ArgumentParser
import Client
import NIOCore
import NIOPosix

/// `apus ctl region check`: pd-ctl's lists of regions with an anomaly, and the comparison of replicas.
struct RegionCheckCommand: AsyncParsableCommand {
  /// What is checked.
  enum Subject: ExpressibleByArgument {
    case anomaly(String)
    case region(UInt64)
    case allRegions

    /// The anomalies that the placement driver knows.
    static let anomalies = [
      "miss-peer", "extra-peer", "down-peer", "pending-peer", "learner-peer", "offline-peer",
      "empty-region",
    ]

    init?(argument: String) {
      if Self.anomalies.contains(argument) {
        self = .anomaly(argument)
      } else if argument == "all" {
        self = .allRegions
      } else if let id = UInt64(argument) {
        self = .region(id)
      } else {
        return nil
      }
    }
  }

  static let configuration = CommandConfiguration(
    commandName: "check",
    abstract: "Compare the replicas of regions, or list the regions that have an anomaly.",
    discussion: """
      With a region's id, or `all`, each replica hashes its data at one log index, and the hashes are compared. \
      A replica that differs from the majority is replaced. The exit code is 1 unless all are the same.

      Anomalies: \(Subject.anomalies.joined(separator: ", ")).
      """)

  @OptionGroup var connection: CtlConnection

  @Option(name: .long, help: "How long the check of one region may take, in seconds.")
  var checkTimeout = 300.0

  @Argument(help: "A region's id, all, or an anomaly.")
  var subject: Subject

  func validate() throws {
    try FlagValue.check("--check-timeout", checkTimeout, 0.001...86_400)
  }

  func run() async throws {
    switch subject {
    case .anomaly(let name): try await connection.show("regions/check/\(name)")
    case .region(let id):
      try await compare { cluster throws(ClientError) in
        guard let region = try await cluster.region(id: id) else {
          throw ClientError.notFound("region \(id)")
        }
        return [region]
      }
    case .allRegions:
      try await compare { cluster throws(ClientError) in try await cluster.regions() }
    }
  }

  private func compare(
    _ find: (ClusterClient) async throws(ClientError) -> [RegionView]
  ) async throws {
    var reports: [ConsistencyView] = []
    try await connection.run { client in
      let stores = try await client.cluster.stores()
      for region in try await find(client.cluster) {
        // The leader's first.
        let order =
          region.peers.filter { $0.id == region.leader?.id }
          + region.peers.filter { $0.id != region.leader?.id }
        let report = try await ConsistencyView.fetch(
          region: region.id,
          from: order.compactMap { peer in stores.first { $0.id == peer.storeID } },
          group: MultiThreadedEventLoopGroup.singleton,
          timeout: .milliseconds(Int64(checkTimeout * 1000)))
        reports.append(report)
        if !connection.json { show(report) }
      }
    }
    if connection.json { try CtlOutput.json(reports) }
    guard reports.allSatisfy(\.isClean) else { throw ExitCode(1) }
  }

  private func show(_ report: ConsistencyView) {
    if report.isClean {
      print(
        "region \(report.regionID): clean, \(report.replicas.count) replicas at index \(report.index)"
      )
      return
    }
    for replica in report.replicas {
      print(
        "region \(report.regionID): peer \(replica.peerID) on store \(replica.storeID) is "
          + "\(replica.verdict) at index \(report.index)")
    }
  }
}
