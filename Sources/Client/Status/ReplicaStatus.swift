import FoundationEssentials
package import NIOCore

/// What one store reports of its replica of a region.
package struct ReplicaStatus: Sendable, Encodable {
  package var storeID: UInt64
  /// Nil where the placement driver knows no status address of the store.
  package var statusAddress: String?
  /// Nil if it could not be fetched.
  package var raft: RegionReport?
  /// Why `raft` could not be fetched; nil if it was.
  package var problem: String?

  enum CodingKeys: String, CodingKey {
    case raft, problem
    case storeID = "store_id"
    case statusAddress = "status_address"
  }

  /// Fetches the report from a store's status port. A failure is part of the result.
  ///
  /// - Parameters:
  ///   - store: the store as the placement driver knows it; nil if it does not.
  ///   - id: the store's id.
  ///   - timeout: of the whole exchange.
  package static func fetch(
    from store: StoreView?, id: UInt64, region: UInt64, group: any EventLoopGroup,
    timeout: TimeAmount = .seconds(2)
  ) async -> ReplicaStatus {
    guard let store, !store.statusAddress.isEmpty else {
      return ReplicaStatus(storeID: id, problem: "no status address")
    }
    var status = ReplicaStatus(storeID: id, statusAddress: store.statusAddress)
    do throws(ClientError) {
      let body = try await StatusClient.get(
        "/regions?after=\(max(region, 1) - 1)&limit=1", at: store.statusAddress, group: group,
        timeout: timeout)
      status.raft = try decode(body).first { $0.id == region }
      if status.raft == nil { status.problem = "no replica on this store" }
    } catch {
      status.problem = "\(error)"
    }
    return status
  }

  private static func decode(_ body: [UInt8]) throws(ClientError) -> [RegionReport] {
    do {
      return try JSONDecoder().decode([RegionReport].self, from: Data(body))
    } catch {
      throw .malformedResponse("not a page of regions: \(error)")
    }
  }
}
