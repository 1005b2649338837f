package import Wire

/// A request that names the cluster it is meant for.
package protocol HeadedRequest: Sendable {
  var header: Pdpb_RequestHeader { get }
}

/// A response whose header names the cluster and what went wrong.
package protocol HeadedResponse: Sendable {
  init()
  var header: Pdpb_ResponseHeader { get set }
}

extension Pdpb_TsoRequest: HeadedRequest {}
extension Pdpb_TsoResponse: HeadedResponse {}
extension Pdpb_GetMinTSRequest: HeadedRequest {}
extension Pdpb_GetMinTSResponse: HeadedResponse {}
extension Pdpb_AllocIDRequest: HeadedRequest {}
extension Pdpb_AllocIDResponse: HeadedResponse {}
extension Pdpb_IsBootstrappedRequest: HeadedRequest {}
extension Pdpb_IsBootstrappedResponse: HeadedResponse {}
extension Pdpb_BootstrapRequest: HeadedRequest {}
extension Pdpb_BootstrapResponse: HeadedResponse {}
extension Pdpb_GetClusterConfigRequest: HeadedRequest {}
extension Pdpb_GetClusterConfigResponse: HeadedResponse {}
extension Pdpb_PutClusterConfigRequest: HeadedRequest {}
extension Pdpb_PutClusterConfigResponse: HeadedResponse {}
extension Pdpb_GetStoreRequest: HeadedRequest {}
extension Pdpb_GetStoreResponse: HeadedResponse {}
extension Pdpb_PutStoreRequest: HeadedRequest {}
extension Pdpb_PutStoreResponse: HeadedResponse {}
extension Pdpb_GetAllStoresRequest: HeadedRequest {}
extension Pdpb_GetAllStoresResponse: HeadedResponse {}
extension Pdpb_StoreHeartbeatRequest: HeadedRequest {}
extension Pdpb_StoreHeartbeatResponse: HeadedResponse {}
extension Pdpb_RegionHeartbeatRequest: HeadedRequest {}
extension Pdpb_RegionHeartbeatResponse: HeadedResponse {}
extension Pdpb_GetRegionRequest: HeadedRequest {}
extension Pdpb_GetRegionByIDRequest: HeadedRequest {}
extension Pdpb_GetRegionResponse: HeadedResponse {}
extension Pdpb_ScanRegionsRequest: HeadedRequest {}
extension Pdpb_ScanRegionsResponse: HeadedResponse {}
extension Pdpb_BatchScanRegionsRequest: HeadedRequest {}
extension Pdpb_BatchScanRegionsResponse: HeadedResponse {}
extension Pdpb_QueryRegionRequest: HeadedRequest {}
extension Pdpb_QueryRegionResponse: HeadedResponse {}
extension Pdpb_AskSplitRequest: HeadedRequest {}
extension Pdpb_AskSplitResponse: HeadedResponse {}
extension Pdpb_AskBatchSplitRequest: HeadedRequest {}
extension Pdpb_AskBatchSplitResponse: HeadedResponse {}
extension Pdpb_ReportSplitRequest: HeadedRequest {}
extension Pdpb_ReportSplitResponse: HeadedResponse {}
extension Pdpb_ReportBatchSplitRequest: HeadedRequest {}
extension Pdpb_ReportBatchSplitResponse: HeadedResponse {}
extension Pdpb_ScatterRegionRequest: HeadedRequest {}
extension Pdpb_ScatterRegionResponse: HeadedResponse {}
extension Pdpb_GetOperatorRequest: HeadedRequest {}
extension Pdpb_GetOperatorResponse: HeadedResponse {}
extension Pdpb_GetGCSafePointRequest: HeadedRequest {}
extension Pdpb_GetGCSafePointResponse: HeadedResponse {}
extension Pdpb_UpdateGCSafePointRequest: HeadedRequest {}
extension Pdpb_UpdateGCSafePointResponse: HeadedResponse {}
extension Pdpb_UpdateServiceGCSafePointRequest: HeadedRequest {}
extension Pdpb_UpdateServiceGCSafePointResponse: HeadedResponse {}
extension Pdpb_GetGCStateRequest: HeadedRequest {}
extension Pdpb_GetGCStateResponse: HeadedResponse {}
extension Pdpb_AdvanceTxnSafePointRequest: HeadedRequest {}
extension Pdpb_AdvanceTxnSafePointResponse: HeadedResponse {}
extension Pdpb_AdvanceGCSafePointRequest: HeadedRequest {}
extension Pdpb_AdvanceGCSafePointResponse: HeadedResponse {}
extension Pdpb_ReportMinResolvedTsRequest: HeadedRequest {}
extension Pdpb_ReportMinResolvedTsResponse: HeadedResponse {}
extension Pdpb_ReportBucketsRequest: HeadedRequest {}
extension Pdpb_ReportBucketsResponse: HeadedResponse {}
extension Keyspacepb_LoadKeyspaceRequest: HeadedRequest {}
extension Keyspacepb_LoadKeyspaceResponse: HeadedResponse {}
