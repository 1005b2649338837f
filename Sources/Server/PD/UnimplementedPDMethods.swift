import RPC
import SwiftProtobuf
import Wire

/// Methods of `pdpb.PD` that are known but not served: the response refuses in its header, and nothing is done. After
/// a status instead, clients would try again.
enum UnimplementedPDMethods {
  static func register(on router: inout MethodRouter, clusterID: UInt64) {
    var header = Pdpb_ResponseHeader()
    header.clusterID = clusterID
    header.error.type = .unknown
    header.error.message = "this placement driver does not split regions on demand"
    refuse("SplitRegions", Pdpb_SplitRegionsResponse.with { $0.header = header }, on: &router)
    refuse(
      "SplitAndScatterRegions",
      Pdpb_SplitAndScatterRegionsResponse.with { $0.header = header }, on: &router)
  }

  private static func refuse<Response: Message>(
    _ name: String, _ response: Response, on router: inout MethodRouter
  ) {
    router.unary("/pdpb.PD/\(name)") { _, call in call.reply(message: response) }
  }
}
