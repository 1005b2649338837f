import Client
import History

/// What is known of a call on the cluster once it has come back.
enum CallOutcome {
  /// Makes the call. The client is told never to repeat a write whose outcome it does not know.
  static func of(_ call: Call, by raw: RawClient) async -> Outcome {
    do throws(ClientError) {
      switch call {
      case .get(let key):
        return .found(try await raw.get(key).map { [Pair(key: key, value: $0)] } ?? [])
      case .batchGet(let keys):
        return .found(pairs(try await raw.batchGet(keys)))
      case .scan(let start, let end, let limit, let isReverse):
        return .found(
          pairs(
            try await raw.scan(
              from: start, to: end, limit: limit, order: isReverse ? .descending : .ascending)))
      case .put(let key, let value): try await raw.put(key, value)
      case .delete(let key): try await raw.delete(key)
      case .batchPut(let pairs):
        try await raw.batchPut(pairs.map { KeyPair(key: $0.key, value: $0.value) })
      case .batchDelete(let keys): try await raw.batchDelete(keys)
      case .deleteRange(let start, let end): try await raw.deleteRange(from: start, to: end)
      }
      return .done
    } catch {
      return afterFailure(of: call, error)
    }
  }

  /// A read changes nothing, so one that failed never was. A write counts as not executed only where
  /// that is certain: it was never sent, or each attempt was turned away before it could be carried out.
  static func afterFailure(of call: Call, _ error: ClientError) -> Outcome {
    switch call {
    case .get, .batchGet, .scan: return .failed
    // One part may be done when another fails, and the error tells of the other only.
    case .batchPut, .batchDelete, .deleteRange: return .unknown
    case .put, .delete: break
    }
    switch error {
    // Thrown only while no attempt may have been carried out; that would be `undetermined`.
    case .deadlineExceeded, .unreachable, .notFound, .invalidArgument, .cancelled: return .failed
    // A store's "no" is a text: some stores report a time-out that way.
    case .undetermined, .refused, .malformedResponse: return .unknown
    }
  }

  private static func pairs(_ found: [KeyPair]) -> [Pair] {
    found.map { Pair(key: $0.key, value: $0.value) }
  }
}
