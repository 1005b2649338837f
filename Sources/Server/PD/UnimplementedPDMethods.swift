import PlacementDriver
import RPC
import SwiftProtobuf
import Wire

/// Methods of `pdpb.PD` that this placement driver knows of but does not serve: the response says so in
/// its header, with nothing done, so that clients do not ask again as after a status.
enum UnimplementedPDMethods {
  static func register(on router: inout MethodRouter, clusterID: UInt64) {
    var header = Pdpb_ResponseHeader()
    header.clusterID = clusterID
    header.error.type = .unknown
    header.error.message = "this placement driver does not split regions on demand"
    answer("SplitRegions", Pdpb_SplitRegionsResponse.with { $0.header = header }, on: &router)
    answer(
      "SplitAndScatterRegions",
      Pdpb_SplitAndScatterRegionsResponse.with { $0.header = header }, on: &router)
  }

  private static func answer<Response: Message>(
    _ name: String, _ response: Response, on router: inout MethodRouter
  ) {
    router.unary("/pdpb.PD/\(name)") { _, call in call.reply(message: response) }
  }
}
