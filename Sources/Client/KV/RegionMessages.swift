import SwiftProtobuf
import Wire

/// A request for one region.
protocol RegionRequest: Message {
  associatedtype Answer: RegionResponse
  static var path: String { get }
  static var isWrite: Bool { get }
  var context: Kvrpcpb_Context { get set }
}

/// A response that may carry a region error or an error text.
protocol RegionResponse: Message {
  var hasRegionError: Bool { get }
  var regionError: Errorpb_Error { get }
  /// Empty if the request was carried out.
  var refusal: String { get }
}

extension Kvrpcpb_RawGetRequest: RegionRequest {
  typealias Answer = Kvrpcpb_RawGetResponse
  static var path: String { "/tikvpb.Tikv/RawGet" }
  static var isWrite: Bool { false }
}

extension Kvrpcpb_RawBatchGetRequest: RegionRequest {
  typealias Answer = Kvrpcpb_RawBatchGetResponse
  static var path: String { "/tikvpb.Tikv/RawBatchGet" }
  static var isWrite: Bool { false }
}

extension Kvrpcpb_RawScanRequest: RegionRequest {
  typealias Answer = Kvrpcpb_RawScanResponse
  static var path: String { "/tikvpb.Tikv/RawScan" }
  static var isWrite: Bool { false }
}

extension Kvrpcpb_RawPutRequest: RegionRequest {
  typealias Answer = Kvrpcpb_RawPutResponse
  static var path: String { "/tikvpb.Tikv/RawPut" }
  static var isWrite: Bool { true }
}

extension Kvrpcpb_RawBatchPutRequest: RegionRequest {
  typealias Answer = Kvrpcpb_RawBatchPutResponse
  static var path: String { "/tikvpb.Tikv/RawBatchPut" }
  static var isWrite: Bool { true }
}

extension Kvrpcpb_RawDeleteRequest: RegionRequest {
  typealias Answer = Kvrpcpb_RawDeleteResponse
  static var path: String { "/tikvpb.Tikv/RawDelete" }
  static var isWrite: Bool { true }
}

extension Kvrpcpb_RawBatchDeleteRequest: RegionRequest {
  typealias Answer = Kvrpcpb_RawBatchDeleteResponse
  static var path: String { "/tikvpb.Tikv/RawBatchDelete" }
  static var isWrite: Bool { true }
}

extension Kvrpcpb_RawDeleteRangeRequest: RegionRequest {
  typealias Answer = Kvrpcpb_RawDeleteRangeResponse
  static var path: String { "/tikvpb.Tikv/RawDeleteRange" }
  static var isWrite: Bool { true }
}

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
  /// Responses with pairs put what failed into a pair.
  static func refusal(_ pairs: [Kvrpcpb_KvPair]) -> String {
    guard let pair = pairs.first(where: \.hasError) else { return "" }
    return pair.error.abort.isEmpty ? "\(pair.error)" : pair.error.abort
  }
}
