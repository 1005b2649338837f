import Codec
import Logging
import NIOCore
import NIOPosix
import RPC
import Server
import Wire

/// A client of one connection that does not retry.
struct RawCaller: Sendable {
  let channel: RPCChannel

  init(_ address: HostPort) {
    channel = RPCChannel(
      target: RPCTarget(host: address.host, port: address.port),
      group: MultiThreadedEventLoopGroup.singleton)
  }

  func close() { channel.close() }

  /// Where the first region is, as the placement driver at this address says.
  func context() async throws -> (context: Kvrpcpb_Context, leaderStore: UInt64) {
    let members: Pdpb_GetMembersResponse = try await channel.unary(
      "/pdpb.PD/GetMembers", Pdpb_GetMembersRequest())
    let header = Pdpb_RequestHeader.with { $0.clusterID = members.header.clusterID }
    let region: Pdpb_GetRegionResponse = try await channel.unary(
      "/pdpb.PD/GetRegion", Pdpb_GetRegionRequest.with { $0.header = header })
    let context = Kvrpcpb_Context.with {
      $0.regionID = region.region.id
      $0.regionEpoch = region.region.regionEpoch
      $0.peer = region.leader
    }
    return (context, region.leader.storeID)
  }

  func put(
    _ key: [UInt8], _ value: [UInt8], _ context: Kvrpcpb_Context
  ) async throws -> Kvrpcpb_RawPutResponse {
    try await channel.unary(
      "/tikvpb.Tikv/RawPut",
      Kvrpcpb_RawPutRequest.with {
        $0.context = context
        $0.key = key.data
        $0.value = value.data
      })
  }

  func get(
    _ key: [UInt8], _ context: Kvrpcpb_Context
  ) async throws -> Kvrpcpb_RawGetResponse {
    try await channel.unary(
      "/tikvpb.Tikv/RawGet",
      Kvrpcpb_RawGetRequest.with {
        $0.context = context
        $0.key = key.data
      })
  }
}

let quiet = Logger(label: "test", factory: { _ in SwiftLogNoOpLogHandler() })

extension NodeConfiguration {
  /// On a port the system chooses, with nothing but the data directory set.
  static func test(_ directory: String) -> NodeConfiguration {
    var configuration = NodeConfiguration()
    configuration.address = HostPort(host: "127.0.0.1", port: 0)
    configuration.statusAddress = nil
    configuration.dataDirectory = directory
    return configuration
  }
}
