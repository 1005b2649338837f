import SwiftProtobuf
import Wire

/// A request to the leader of one region.
protocol RegionRequest: Message {
  associatedtype Response: RegionResponse
  /// The gRPC path.
  static var path: String { get }
  /// Whether a retry may execute the request twice.
  static var isWrite: Bool { get }
  var context: Kvrpcpb_Context { get set }
}

/// A response that may contain a region error or an error text.
protocol RegionResponse: Message {
  var hasRegionError: Bool { get }
  var regionError: Errorpb_Error { get }
  /// The error text; empty if the request was executed.
  var refusal: String { get }
}

extension Kvrpcpb_RawGetRequest: RegionRequest {
  typealias Response = Kvrpcpb_RawGetResponse
  static var path: String { "/tikvpb.Tikv/RawGet" }
  static var isWrite: Bool { false }
}

extension Kvrpcpb_RawBatchGetRequest: RegionRequest {
  typealias Response = Kvrpcpb_RawBatchGetResponse
  static var path: String { "/tikvpb.Tikv/RawBatchGet" }
  static var isWrite: Bool { false }
}

extension Kvrpcpb_RawScanRequest: RegionRequest {
  typealias Response = Kvrpcpb_RawScanResponse
  static var path: String { "/tikvpb.Tikv/RawScan" }
  static var isWrite: Bool { false }
}

extension Kvrpcpb_RawPutRequest: RegionRequest {
  typealias Response = Kvrpcpb_RawPutResponse
  static var path: String { "/tikvpb.Tikv/RawPut" }
  static var isWrite: Bool { true }
}

extension Kvrpcpb_RawBatchPutRequest: RegionRequest {
  typealias Response = Kvrpcpb_RawBatchPutResponse
  static var path: String { "/tikvpb.Tikv/RawBatchPut" }
  static var isWrite: Bool { true }
}

extension Kvrpcpb_RawDeleteRequest: RegionRequest {
  typealias Response = Kvrpcpb_RawDeleteResponse
  static var path: String { "/tikvpb.Tikv/RawDelete" }
  static var isWrite: Bool { true }
}

extension Kvrpcpb_RawBatchDeleteRequest: RegionRequest {
  typealias Response = Kvrpcpb_RawBatchDeleteResponse
  static var path: String { "/tikvpb.Tikv/RawBatchDelete" }
  static var isWrite: Bool { true }
}

extension Kvrpcpb_RawDeleteRangeRequest: RegionRequest {
  typealias Response = Kvrpcpb_RawDeleteRangeResponse
  static var path: String { "/tikvpb.Tikv/RawDeleteRange" }
  static var isWrite: Bool { true }
}

extension Kvrpcpb_RawCASRequest: RegionRequest {
  typealias Response = Kvrpcpb_RawCASResponse
  static var path: String { "/tikvpb.Tikv/RawCompareAndSwap" }
  static var isWrite: Bool { true }
}

extension Kvrpcpb_RawGetKeyTTLRequest: RegionRequest {
  typealias Response = Kvrpcpb_RawGetKeyTTLResponse
  static var path: String { "/tikvpb.Tikv/RawGetKeyTTL" }
  static var isWrite: Bool { false }
}

extension Kvrpcpb_RawChecksumRequest: RegionRequest {
  typealias Response = Kvrpcpb_RawChecksumResponse
  static var path: String { "/tikvpb.Tikv/RawChecksum" }
  static var isWrite: Bool { false }
}

extension Kvrpcpb_RawCASResponse: RegionResponse { var refusal: String { error } }
extension Kvrpcpb_RawGetKeyTTLResponse: RegionResponse { var refusal: String { error } }
extension Kvrpcpb_RawChecksumResponse: RegionResponse { var refusal: String { error } }
extension Kvrpcpb_SplitRegionRequest: RegionRequest {
  typealias Response = Kvrpcpb_SplitRegionResponse
  static var path: String { "/tikvpb.Tikv/SplitRegion" }
  static var isWrite: Bool { true }
}

/// Its refusals are region errors.
extension Kvrpcpb_SplitRegionResponse: RegionResponse { var refusal: String { "" } }

extension Kvrpcpb_RawGetResponse: RegionResponse { var refusal: String { error } }
extension Kvrpcpb_RawPutResponse: RegionResponse { var refusal: String { error } }
extension Kvrpcpb_RawBatchPutResponse: RegionResponse { var refusal: String { error } }
extension Kvrpcpb_RawDeleteResponse: RegionResponse { var refusal: String { error } }
extension Kvrpcpb_RawBatchDeleteResponse: RegionResponse { var refusal: String { error } }
extension Kvrpcpb_RawDeleteRangeResponse: RegionResponse { var refusal: String { error } }

extension Kvrpcpb_RawBatchGetResponse: RegionResponse {
  var refusal: String { Self.refusal(pairs) }
}
extension Kvrpcpb_RawScanResponse: RegionResponse { var refusal: String { Self.refusal(kvs) } }

extension RegionResponse {
  /// The error text of a response with pairs, which has it in a pair.
  static func refusal(_ pairs: [Kvrpcpb_KvPair]) -> String {
    guard let pair = pairs.first(where: \.hasError) else { return "" }
    return pair.error.abort.isEmpty ? "\(pair.error)" : pair.error.abort
  }
}
