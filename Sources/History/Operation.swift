/// One call of a client on the store, from the moment it was made to the moment it was completed.
///
/// Times are nanoseconds on one monotonic clock that all clients of a history share.
package struct Operation: Sendable, Hashable {
  /// Unique within a history.
  package var id: Int
  /// Who made the call. One client's calls do not overlap.
  package var client: Int
  package var start: UInt64
  /// Nil when no response came: the outcome is `unknown`, and a write may take effect at any later
  /// time.
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

/// What was asked.
package enum Call: Sendable, Hashable {
  case get(key: [UInt8])
  case put(key: [UInt8], value: [UInt8])
  case delete(key: [UInt8])
  case batchGet(keys: [[UInt8]])
  case batchPut(pairs: [Pair])
  case batchDelete(keys: [[UInt8]])
  /// The first `limit` pairs of `[start, end)`, from the other end when reversed; empty: no bound.
  case scan(start: [UInt8], end: [UInt8], limit: Int, isReverse: Bool)
  /// Everything in `[start, end)`; empty: no bound.
  case deleteRange(start: [UInt8], end: [UInt8])
}

extension Call {
  /// Its name in files and pictures.
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
    }
  }

  package var isRead: Bool {
    switch self {
    case .get, .batchGet, .scan: true
    case .put, .delete, .batchPut, .batchDelete, .deleteRange: false
    }
  }
}

/// What came of it.
package enum Outcome: Sendable, Hashable {
  /// A write took effect between start and end.
  case done
  /// The pairs a read found; what it asked for and did not find did not exist.
  case found([Pair])
  /// Nothing happened and nothing will.
  case failed
  /// The response was lost: a write may have taken effect, in whole or in part, or may yet.
  case unknown
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
