import SwiftProtobuf
import Wire

/// A request that names the cluster it is meant for.
protocol PlacementRequest: Message {
  var header: Pdpb_RequestHeader { get set }
}

/// An answer whose header tells what went wrong.
protocol PlacementAnswer: Message {
  var header: Pdpb_ResponseHeader { get }
}

extension Pdpb_GetMembersRequest: PlacementRequest {}
extension Pdpb_GetMembersResponse: PlacementAnswer {}
extension Pdpb_GetRegionRequest: PlacementRequest {}
extension Pdpb_GetRegionByIDRequest: PlacementRequest {}
extension Pdpb_GetRegionResponse: PlacementAnswer {}
extension Pdpb_ScanRegionsRequest: PlacementRequest {}
extension Pdpb_ScanRegionsResponse: PlacementAnswer {}
extension Pdpb_GetStoreRequest: PlacementRequest {}
extension Pdpb_GetStoreResponse: PlacementAnswer {}
extension Pdpb_GetAllStoresRequest: PlacementRequest {}
extension Pdpb_GetAllStoresResponse: PlacementAnswer {}
