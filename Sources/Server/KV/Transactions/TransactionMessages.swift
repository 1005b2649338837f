import Codec
import Storage
import SwiftProtobuf
import Transaction
import Wire

/// A response that can contain errors of transactions.
protocol TransactionResponse: RefusableResponse {
  /// Sets the errors of the request.
  ///
  /// - Parameters:
  ///   - errors: at least one.
  ///   - text: one line for all of them.
  mutating func fail(_ errors: [Kvrpcpb_KeyError], _ text: String)
}

extension TransactionResponse {
  mutating func refuse(_ text: String) { fail([.with { $0.abort = text }], text) }

  /// A response with this error.
  init(_ failure: TransactionFailure) {
    switch failure {
    case .storage(let error): self.init(error)
    case .transaction(let error): self.init(error)
    case .lockWaitTimeout(let info, let sinceUpdateMs):
      self.init()
      var lock = info.wire
      lock.durationToLastUpdateMs = sinceUpdateMs
      fail([.with { $0.locked = lock }], TransactionError.locked([info]).description)
    }
  }

  /// A response with this error.
  init(_ error: TransactionError) {
    self.init()
    fail(error.wires, error.description)
  }
}

/// A response with one error field, which is set to the first error.
protocol SingleErrorResponse: TransactionResponse {
  var error: Kvrpcpb_KeyError { get set }
}

extension SingleErrorResponse {
  mutating func fail(_ errors: [Kvrpcpb_KeyError], _ text: String) {
    if let first = errors.first { error = first }
  }
}

/// A response with a list of errors: of a prewrite one for each locked key.
protocol ErrorListResponse: TransactionResponse {
  var errors: [Kvrpcpb_KeyError] { get set }
}

extension ErrorListResponse {
  mutating func fail(_ errors: [Kvrpcpb_KeyError], _ text: String) { self.errors = errors }
}

/// A response whose error is text.
protocol TextErrorResponse: TransactionResponse {
  var error: String { get set }
}

extension TextErrorResponse {
  mutating func fail(_ errors: [Kvrpcpb_KeyError], _ text: String) { error = text }
}

/// A response of pairs. Its error is also in a pair: older clients read only the pairs, and take none for an empty
/// result.
protocol PairsResponse: TransactionResponse {
  var error: Kvrpcpb_KeyError { get set }
  var pairs: [Kvrpcpb_KvPair] { get set }
}

extension PairsResponse {
  mutating func fail(_ errors: [Kvrpcpb_KeyError], _ text: String) {
    guard let first = errors.first else { return }
    error = first
    pairs = [.with { $0.error = first }]
  }
}

extension Kvrpcpb_GetRequest: ContextualRequest {}
extension Kvrpcpb_BatchGetRequest: ContextualRequest {}
extension Kvrpcpb_ScanRequest: ContextualRequest {}
extension Kvrpcpb_BufferBatchGetRequest: ContextualRequest {}
extension Kvrpcpb_PrewriteRequest: ContextualRequest {}
extension Kvrpcpb_FlushRequest: ContextualRequest {}
extension Kvrpcpb_CommitRequest: ContextualRequest {}
extension Kvrpcpb_CleanupRequest: ContextualRequest {}
extension Kvrpcpb_BatchRollbackRequest: ContextualRequest {}
extension Kvrpcpb_PessimisticLockRequest: ContextualRequest {}
extension Kvrpcpb_PessimisticRollbackRequest: ContextualRequest {}
extension Kvrpcpb_TxnHeartBeatRequest: ContextualRequest {}
extension Kvrpcpb_CheckTxnStatusRequest: ContextualRequest {}
extension Kvrpcpb_CheckSecondaryLocksRequest: ContextualRequest {}
extension Kvrpcpb_ScanLockRequest: ContextualRequest {}
extension Kvrpcpb_ResolveLockRequest: ContextualRequest {}
extension Kvrpcpb_DeleteRangeRequest: ContextualRequest {}
extension Kvrpcpb_UnsafeDestroyRangeRequest: ContextualRequest {}
extension Kvrpcpb_PrepareFlashbackToVersionRequest: ContextualRequest {}
extension Kvrpcpb_FlashbackToVersionRequest: ContextualRequest {}
extension Kvrpcpb_MvccGetByKeyRequest: ContextualRequest {}
extension Kvrpcpb_MvccGetByStartTsRequest: ContextualRequest {}
extension Kvrpcpb_GetLockWaitInfoRequest: ContextualRequest {}

extension Kvrpcpb_GetResponse: SingleErrorResponse {}
extension Kvrpcpb_CommitResponse: SingleErrorResponse {}
extension Kvrpcpb_CleanupResponse: SingleErrorResponse {}
extension Kvrpcpb_BatchRollbackResponse: SingleErrorResponse {}
extension Kvrpcpb_TxnHeartBeatResponse: SingleErrorResponse {}
extension Kvrpcpb_CheckTxnStatusResponse: SingleErrorResponse {}
extension Kvrpcpb_CheckSecondaryLocksResponse: SingleErrorResponse {}
extension Kvrpcpb_ScanLockResponse: SingleErrorResponse {}
extension Kvrpcpb_ResolveLockResponse: SingleErrorResponse {}
extension Kvrpcpb_PrewriteResponse: ErrorListResponse {}
extension Kvrpcpb_FlushResponse: ErrorListResponse {}
extension Kvrpcpb_PessimisticLockResponse: ErrorListResponse {}
extension Kvrpcpb_PessimisticRollbackResponse: ErrorListResponse {}
extension Kvrpcpb_DeleteRangeResponse: TextErrorResponse {}
extension Kvrpcpb_UnsafeDestroyRangeResponse: TextErrorResponse {}
extension Kvrpcpb_PrepareFlashbackToVersionResponse: TextErrorResponse {}
extension Kvrpcpb_FlashbackToVersionResponse: TextErrorResponse {}
extension Kvrpcpb_MvccGetByKeyResponse: TextErrorResponse {}
extension Kvrpcpb_MvccGetByStartTsResponse: TextErrorResponse {}
extension Kvrpcpb_GetLockWaitInfoResponse: TextErrorResponse {}

extension Kvrpcpb_BatchGetResponse: PairsResponse {}
extension Kvrpcpb_ScanResponse: PairsResponse {}
extension Kvrpcpb_BufferBatchGetResponse: PairsResponse {}
