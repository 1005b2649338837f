import SwiftProtobuf
import Wire

/// A request whose header contains the cluster id.
protocol PDClientRequest: Message {
  var header: Pdpb_RequestHeader { get set }
}

/// A response whose header contains an error.
protocol PDClientResponse: Message {
  var header: Pdpb_ResponseHeader { get }
}

extension Pdpb_GetMembersRequest: PDClientRequest {}
extension Pdpb_GetMembersResponse: PDClientResponse {}
extension Pdpb_GetRegionRequest: PDClientRequest {}
extension Pdpb_GetRegionByIDRequest: PDClientRequest {}
extension Pdpb_GetRegionResponse: PDClientResponse {}
extension Pdpb_ScanRegionsRequest: PDClientRequest {}
extension Pdpb_ScanRegionsResponse: PDClientResponse {}
extension Pdpb_GetStoreRequest: PDClientRequest {}
extension Pdpb_GetStoreResponse: PDClientResponse {}
extension Pdpb_GetAllStoresRequest: PDClientRequest {}
extension Pdpb_GetAllStoresResponse: PDClientResponse {}

/// Why a call of the placement driver failed.
enum PDFailure: Error {
  /// This endpoint cannot be used now; another may do.
  case endpoint(String)
  /// It responded with an error of its own.
  case answered(Pdpb_ErrorType, String)
  /// No endpoint would respond otherwise.
  case refused(String)
}
