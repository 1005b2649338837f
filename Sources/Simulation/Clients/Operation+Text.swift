import History

extension Call {
  /// For people.
  var text: String {
    func show(_ bytes: [UInt8]) -> String { String(decoding: bytes, as: UTF8.self) }
    switch self {
    case .get(let key): return "get \(show(key))"
    case .put(let key, let value): return "put \(show(key)) = \(show(value))"
    case .delete(let key): return "delete \(show(key))"
    case .batchGet(let keys): return "batch get \(keys.map(show).joined(separator: " "))"
    case .batchPut(let pairs):
      return "batch put "
        + pairs.map { "\(show($0.key)) = \(show($0.value))" }.joined(separator: ", ")
    case .batchDelete(let keys): return "batch delete \(keys.map(show).joined(separator: " "))"
    case .scan(let start, let end, let limit, let isReverse):
      return "scan [\(show(start)), \(show(end))) limit \(limit)\(isReverse ? " reverse" : "")"
    case .compareAndSwap(let key, let expected, let value):
      return "swap \(show(key)) from \(expected.map(show) ?? "nothing") to \(show(value))"
    case .deleteRange(let start, let end): return "delete range [\(show(start)), \(show(end)))"
    }
  }
}

extension Operation {
  var outcomeText: String {
    switch outcome {
    case .done: "done"
    case .failed: "failed"
    case .unknown: "unknown"
    case .swapped(let succeeded, let previous):
      (succeeded ? "swapped" : "not swapped") + ", found "
        + (previous.map { String(decoding: $0, as: UTF8.self) } ?? "nothing")
    case .found(let pairs):
      "found "
        + (pairs.isEmpty
          ? "nothing"
          : pairs.map {
            String(decoding: $0.key, as: UTF8.self) + " = "
              + String(decoding: $0.value, as: UTF8.self)
          }.joined(separator: ", "))
    }
  }

  /// A number that differs where outcomes do.
  var outcomeDigest: UInt64 {
    var digest: UInt64 = 0xcbf2_9ce4_8422_2325
    func mix(_ digest: inout UInt64, _ bytes: [UInt8]) {
      for byte in bytes { digest = (digest ^ UInt64(byte)) &* 0x100_0000_01b3 }
      digest = (digest ^ 0xFFFF) &* 0x100_0000_01b3
    }
    switch outcome {
    case .done: return 1
    case .failed: return 2
    case .unknown: return 3
    case .swapped(let succeeded, let previous):
      mix(&digest, [succeeded ? 1 : 0, previous == nil ? 0 : 1])
      mix(&digest, previous ?? [])
      return digest
    case .found(let pairs):
      for pair in pairs {
        mix(&digest, pair.key)
        mix(&digest, pair.value)
      }
      return digest
    }
  }
}
