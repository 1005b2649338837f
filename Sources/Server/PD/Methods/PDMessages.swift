package import Wire

/// A request of `pdpb` whose header names the cluster.
protocol PDRequest: Sendable {
  var header: Pdpb_RequestHeader { get }
}

/// A response of `pdpb` whose header names the cluster and, if the request was refused, says why.
protocol PDResponse: Sendable {
  init()
  var header: Pdpb_ResponseHeader { get set }
}

extension Pdpb_TsoRequest: PDRequest {}
extension Pdpb_TsoResponse: PDResponse {}
extension Pdpb_GetMinTSRequest: PDRequest {}
extension Pdpb_GetMinTSResponse: PDResponse {}
extension Pdpb_AllocIDRequest: PDRequest {}
extension Pdpb_AllocIDResponse: PDResponse {}
extension Pdpb_IsBootstrappedRequest: PDRequest {}
extension Pdpb_IsBootstrappedResponse: PDResponse {}
extension Pdpb_BootstrapRequest: PDRequest {}
extension Pdpb_BootstrapResponse: PDResponse {}
extension Pdpb_GetClusterConfigRequest: PDRequest {}
extension Pdpb_GetClusterConfigResponse: PDResponse {}
extension Pdpb_PutClusterConfigRequest: PDRequest {}
extension Pdpb_PutClusterConfigResponse: PDResponse {}
extension Pdpb_GetStoreRequest: PDRequest {}
extension Pdpb_GetStoreResponse: PDResponse {}
extension Pdpb_PutStoreRequest: PDRequest {}
extension Pdpb_PutStoreResponse: PDResponse {}
extension Pdpb_GetAllStoresRequest: PDRequest {}
extension Pdpb_GetAllStoresResponse: PDResponse {}
extension Pdpb_StoreHeartbeatRequest: PDRequest {}
extension Pdpb_StoreHeartbeatResponse: PDResponse {}
extension Pdpb_GetRegionRequest: PDRequest {}
extension Pdpb_GetRegionByIDRequest: PDRequest {}
extension Pdpb_GetRegionResponse: PDResponse {}
extension Pdpb_ScanRegionsRequest: PDRequest {}
extension Pdpb_ScanRegionsResponse: PDResponse {}
extension Pdpb_BatchScanRegionsRequest: PDRequest {}
extension Pdpb_BatchScanRegionsResponse: PDResponse {}
extension Pdpb_QueryRegionRequest: PDRequest {}
extension Pdpb_QueryRegionResponse: PDResponse {}
extension Pdpb_AskSplitRequest: PDRequest {}
extension Pdpb_AskSplitResponse: PDResponse {}
extension Pdpb_AskBatchSplitRequest: PDRequest {}
extension Pdpb_AskBatchSplitResponse: PDResponse {}
extension Pdpb_ReportSplitRequest: PDRequest {}
extension Pdpb_ReportSplitResponse: PDResponse {}
extension Pdpb_SplitRegionsRequest: PDRequest {}
extension Pdpb_SplitRegionsResponse: PDResponse {}
extension Pdpb_SplitAndScatterRegionsRequest: PDRequest {}
extension Pdpb_SplitAndScatterRegionsResponse: PDResponse {}
extension Pdpb_ReportBatchSplitRequest: PDRequest {}
extension Pdpb_ReportBatchSplitResponse: PDResponse {}
extension Pdpb_ScatterRegionRequest: PDRequest {}
extension Pdpb_ScatterRegionResponse: PDResponse {}
extension Pdpb_GetOperatorRequest: PDRequest {}
extension Pdpb_GetOperatorResponse: PDResponse {}
extension Pdpb_GetGCSafePointRequest: PDRequest {}
extension Pdpb_GetGCSafePointResponse: PDResponse {}
extension Pdpb_UpdateGCSafePointRequest: PDRequest {}
extension Pdpb_UpdateGCSafePointResponse: PDResponse {}
extension Pdpb_UpdateServiceGCSafePointRequest: PDRequest {}
extension Pdpb_UpdateServiceGCSafePointResponse: PDResponse {}
extension Pdpb_GetGCStateRequest: PDRequest {}
extension Pdpb_GetGCStateResponse: PDResponse {}
extension Pdpb_AdvanceTxnSafePointRequest: PDRequest {}
extension Pdpb_AdvanceTxnSafePointResponse: PDResponse {}
extension Pdpb_AdvanceGCSafePointRequest: PDRequest {}
extension Pdpb_AdvanceGCSafePointResponse: PDResponse {}
extension Pdpb_ReportMinResolvedTsRequest: PDRequest {}
extension Pdpb_ReportMinResolvedTsResponse: PDResponse {}
extension Pdpb_ReportBucketsRequest: PDRequest {}
extension Pdpb_ReportBucketsResponse: PDResponse {}
extension Keyspacepb_LoadKeyspaceRequest: PDRequest {}
extension Keyspacepb_LoadKeyspaceResponse: PDResponse {}
