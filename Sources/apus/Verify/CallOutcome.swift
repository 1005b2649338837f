import Client
import History

/// Makes calls of a history on a cluster and classifies their outcomes.
enum CallOutcome {
  /// Makes the call. The client must have `retriesUndeterminedWrites` off: a write that was repeated could
  /// take effect twice.
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
      case .compareAndSwap(let key, let expected, let value):
        let swap = try await raw.compareAndSwap(key, from: expected, to: value)
        return .swapped(succeeded: swap.succeeded, previous: swap.previous)
      }
      return .done
    } catch {
      return afterFailure(of: call, error)
    }
  }

  /// The outcome of a call that failed with `error`. A read changes nothing, so a failed one never happened.
  /// A write counts as `failed` only where it is certain that it did not and will not take effect: it was
  /// never sent, or each attempt was rejected before it could be executed.
  static func afterFailure(of call: Call, _ error: ClientError) -> Outcome {
    switch call {
    case .get, .batchGet, .scan: return .failed
    // One part may be done when another fails, and the error is about the other part only.
    case .batchPut, .batchDelete, .deleteRange: return .unknown
    case .put, .delete, .compareAndSwap: break
    }
    switch error {
    // Thrown only if no attempt can have been executed; otherwise it is `undetermined`.
    case .deadlineExceeded, .unreachable, .notFound, .invalidArgument, .cancelled: return .failed
    // A refusal is a text, and some stores report a timeout that way.
    case .undetermined, .refused, .malformedResponse: return .unknown
    }
  }

  private static func pairs(_ found: [KeyPair]) -> [Pair] {
    found.map { Pair(key: $0.key, value: $0.value) }
  }
}
