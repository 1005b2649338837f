import Codec
import Storage
import SwiftProtobuf
import Wire

/// A request that says which region it is for.
protocol ContextualRequest: Message {
  var context: Kvrpcpb_Context { get }
}

/// A response that can say why there is no response.
protocol RefusableResponse: Message {
  var regionError: Errorpb_Error { get set }
  /// The request is at fault; `text` says why.
  mutating func refuse(_ text: String)
}

extension RefusableResponse {
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
// These have no text of their own: a pair carries it, as TiKV does it.
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
