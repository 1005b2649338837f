/// One call of a client, from its start to its completion.
///
/// Times are nanoseconds of one monotonic clock that all clients of a history share.
package struct Operation: Sendable, Hashable {
  /// Unique within a history.
  package var id: Int
  /// The client that made the call. Calls of one client do not overlap.
  package var client: Int
  package var start: UInt64
  /// Nil if there was no response: the outcome is then `unknown`, and a write may take effect at any later time. At least
  /// `start`.
  package var end: UInt64?
  package var call: Call
  package var outcome: Outcome

  package init(
    id: Int, client: Int, start: UInt64, end: UInt64?, call: Call, outcome: Outcome
  ) {
    self.id = id
    self.client = client
    self.start = start
    self.end = end
    self.call = call
    self.outcome = outcome
  }
}

/// The request of a call.
package enum Call: Sendable, Hashable {
  case get(key: [UInt8])
  case put(key: [UInt8], value: [UInt8])
  case delete(key: [UInt8])
  case batchGet(keys: [[UInt8]])
  case batchPut(pairs: [Pair])
  case batchDelete(keys: [[UInt8]])
  /// Reads the first `limit` pairs of `[start, end)`, or the last ones if reversed. An empty bound is none.
  case scan(start: [UInt8], end: [UInt8], limit: Int, isReverse: Bool)
  /// Deletes `[start, end)`. An empty bound is none.
  case deleteRange(start: [UInt8], end: [UInt8])
  /// Writes the value if the key has the expected one, nil: if it does not exist, in one step.
  case compareAndSwap(key: [UInt8], expected: [UInt8]?, value: [UInt8])
}

extension Call {
  /// The name of the call in history files and reports.
  package var name: String {
    switch self {
    case .get: "get"
    case .put: "put"
    case .delete: "delete"
    case .batchGet: "batchGet"
    case .batchPut: "batchPut"
    case .batchDelete: "batchDelete"
    case .scan: "scan"
    case .deleteRange: "deleteRange"
    case .compareAndSwap: "compareAndSwap"
    }
  }

  /// Whether the call has no effect on the store.
  package var isRead: Bool {
    switch self {
    case .get, .batchGet, .scan: true
    case .put, .delete, .batchPut, .batchDelete, .deleteRange, .compareAndSwap: false
    }
  }
}

/// The outcome of a call.
package enum Outcome: Sendable, Hashable {
  /// A write that took effect between start and end.
  case done
  /// The pairs that a read returned. Keys it requested and did not return did not exist.
  case found([Pair])
  /// The call had no effect and will have none.
  case failed
  /// There was no response. A write may have taken effect, completely or in part, or may do so later.
  case unknown
  /// A compare-and-swap with a response: whether it wrote, and the value that the key had before, nil for none.
  case swapped(succeeded: Bool, previous: [UInt8]?)
}

/// A key and its value.
package struct Pair: Sendable, Hashable {
  package var key: [UInt8]
  package var value: [UInt8]

  package init(key: [UInt8], value: [UInt8]) {
    self.key = key
    self.value = value
  }
}
