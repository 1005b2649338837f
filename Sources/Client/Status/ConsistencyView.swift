import FoundationEssentials
package import NIOCore

/// What a consistency check has found of the replicas of one region: the body that a store's status port serves at
/// `/regions/check`. The coding keys are an interface that scripts read.
package struct ConsistencyView: Sendable, Hashable, Codable {
  /// What was found of one replica.
  package struct Replica: Sendable, Hashable, Codable {
    package var peerID: UInt64
    package var storeID: UInt64
    /// `consistent`; `different`: from the majority, so it is replaced; `unknown`: it has not responded in time;
    /// `undecided`: no majority of replicas has the same data.
    package var verdict: String

    package init(peerID: UInt64, storeID: UInt64, verdict: String) {
      self.peerID = peerID
      self.storeID = storeID
      self.verdict = verdict
    }

    enum CodingKeys: String, CodingKey {
      case verdict
      case peerID = "peer_id"
      case storeID = "store_id"
    }
  }

  package var regionID: UInt64
  /// The log index at which the data was compared.
  package var index: UInt64
  package var replicas: [Replica]

  package init(regionID: UInt64, index: UInt64, replicas: [Replica]) {
    self.regionID = regionID
    self.index = index
    self.replicas = replicas
  }

  enum CodingKeys: String, CodingKey {
    case index, replicas
    case regionID = "region_id"
  }

  /// Whether all replicas are known to have the same data.
  package var isClean: Bool { replicas.allSatisfy { $0.verdict == "consistent" } }

  /// Has a region checked by the store of its leader, and waits for the result.
  ///
  /// - Parameters:
  ///   - stores: of the region's peers, the leader's first: the next is tried where the peer does not lead.
  ///   - timeout: of each exchange.
  package static func fetch(
    region: UInt64, from stores: [StoreView], group: any EventLoopGroup, timeout: TimeAmount
  ) async throws(ClientError) -> ConsistencyView {
    var problem = ClientError.notFound("a store with a replica of region \(region)")
    for store in stores where !store.statusAddress.isEmpty {
      do throws(ClientError) {
        let (code, body) = try await StatusClient.send(
          "GET", "/regions/check?id=\(region)", body: [], to: store.statusAddress, group: group,
          timeout: timeout)
        if code == 200 { return try decode(body) }
        problem = .refused(
          "store \(store.id): \(String(decoding: body.prefix(1024), as: UTF8.self))")
      } catch {
        problem = error
      }
    }
    throw problem
  }

  private static func decode(_ body: [UInt8]) throws(ClientError) -> ConsistencyView {
    do {
      return try JSONDecoder().decode(ConsistencyView.self, from: Data(body))
    } catch {
      throw .malformedResponse("not the result of a consistency check: \(error)")
    }
  }
}
