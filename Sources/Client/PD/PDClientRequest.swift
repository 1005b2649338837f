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

/// Why a call of PD failed.
enum PDFailure: Error {
  /// This endpoint cannot be used now; another may do.
  case endpoint(String)
  /// PD refused in the header of its response.
  case rejected(Pdpb_ErrorType, String)
  /// The call ended with a status that every endpoint would return.
  case refused(String)
}
