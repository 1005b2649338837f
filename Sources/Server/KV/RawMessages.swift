import Codec
import Storage
import SwiftProtobuf
import Wire

/// A request with a context, which names its region.
protocol ContextualRequest: Message {
  var context: Kvrpcpb_Context { get }
}

/// A response that can contain an error.
protocol RefusableResponse: Message {
  var regionError: Errorpb_Error { get set }
  /// Sets the error of a request that is at fault.
  mutating func refuse(_ text: String)
}

extension RefusableResponse {
  /// A response with this error.
  init(_ error: StorageError) {
    self.init()
    switch error {
    case .region(let error): regionError = error.wire
    case .refused(let text): refuse(text)
    case .engine(let error): refuse(error.description)
    }
  }
}

extension Kvrpcpb_RawGetRequest: ContextualRequest {}
extension Kvrpcpb_RawBatchGetRequest: ContextualRequest {}
extension Kvrpcpb_RawPutRequest: ContextualRequest {}
extension Kvrpcpb_RawBatchPutRequest: ContextualRequest {}
extension Kvrpcpb_RawDeleteRequest: ContextualRequest {}
extension Kvrpcpb_RawBatchDeleteRequest: ContextualRequest {}
extension Kvrpcpb_RawScanRequest: ContextualRequest {}
extension Kvrpcpb_RawBatchScanRequest: ContextualRequest {}
extension Kvrpcpb_RawDeleteRangeRequest: ContextualRequest {}
extension Kvrpcpb_RawGetKeyTTLRequest: ContextualRequest {}
extension Kvrpcpb_RawCASRequest: ContextualRequest {}
extension Kvrpcpb_RawChecksumRequest: ContextualRequest {}

extension Kvrpcpb_RawGetResponse: RefusableResponse {
  mutating func refuse(_ text: String) { error = text }
}
extension Kvrpcpb_RawPutResponse: RefusableResponse {
  mutating func refuse(_ text: String) { error = text }
}
extension Kvrpcpb_RawBatchPutResponse: RefusableResponse {
  mutating func refuse(_ text: String) { error = text }
}
extension Kvrpcpb_RawDeleteResponse: RefusableResponse {
  mutating func refuse(_ text: String) { error = text }
}
extension Kvrpcpb_RawBatchDeleteResponse: RefusableResponse {
  mutating func refuse(_ text: String) { error = text }
}
extension Kvrpcpb_RawDeleteRangeResponse: RefusableResponse {
  mutating func refuse(_ text: String) { error = text }
}
extension Kvrpcpb_RawGetKeyTTLResponse: RefusableResponse {
  mutating func refuse(_ text: String) { error = text }
}
extension Kvrpcpb_RawCASResponse: RefusableResponse {
  mutating func refuse(_ text: String) { error = text }
}
extension Kvrpcpb_RawChecksumResponse: RefusableResponse {
  mutating func refuse(_ text: String) { error = text }
}
// These have no error field: a pair contains the error, as in TiKV.
extension Kvrpcpb_RawBatchGetResponse: RefusableResponse {
  mutating func refuse(_ text: String) { pairs = [Kvrpcpb_KvPair(refused: text)] }
}
extension Kvrpcpb_RawScanResponse: RefusableResponse {
  mutating func refuse(_ text: String) { kvs = [Kvrpcpb_KvPair(refused: text)] }
}
extension Kvrpcpb_RawBatchScanResponse: RefusableResponse {
  mutating func refuse(_ text: String) { kvs = [Kvrpcpb_KvPair(refused: text)] }
}

extension Kvrpcpb_KvPair {
  fileprivate init(refused text: String) {
    self.init()
    error.abort = text
  }
}
