package import NIOCore

/// One store's replica of a region, as its status port reports it.
package struct ReplicaStatus: Sendable, Encodable {
  package var storeID: UInt64
  /// Nil where the store does not say where its status port is.
  package var statusAddress: String?
  /// The replica's raft state; nil if it could not be had.
  package var raft: JSONValue?
  /// Why it could not be had.
  package var problem: String?

  enum CodingKeys: String, CodingKey {
    case raft, problem
    case storeID = "store_id"
    case statusAddress = "status_address"
  }

  /// Asks the store's status port. What goes wrong is part of the response.
  package static func call(
    _ store: StoreView?, id: UInt64, region: UInt64, group: any EventLoopGroup,
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
      let replicas = try JSONValue(parsing: body).elements
      status.raft = replicas.first { $0["id"]?.unsigned == region }
      if status.raft == nil { status.problem = "no replica here" }
    } catch {
      status.problem = "\(error)"
    }
    return status
  }
}
