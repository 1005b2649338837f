import Codec
import History

/// How far a call has come that may need several regions: what to ask next, and what was found so far.
struct CallProgress {
  /// Where the next request goes.
  enum Target {
    case containing([UInt8])
    case below([UInt8])
  }

  let call: Call
  private(set) var found: [Pair] = []
  private var keys: [[UInt8]] = []
  private var pairs: [Pair] = []
  /// What of a range is left.
  private var start: [UInt8] = []
  private var end: [UInt8] = []
  private var limit = 0
  private(set) var isDone = false
  /// The response to a compare-and-swap.
  private var swap: Outcome?

  init(_ call: Call) {
    self.call = call
    switch call {
    case .get(let key), .delete(let key): keys = [key]
    case .put(let key, let value): pairs = [Pair(key: key, value: value)]
    case .batchGet(let keys), .batchDelete(let keys): self.keys = keys
    case .batchPut(let pairs): self.pairs = pairs
    case .scan(let start, let end, let limit, _):
      (self.start, self.end, self.limit) = (start, end, limit)
    case .compareAndSwap(let key, _, _): keys = [key]
    case .deleteRange(let start, let end): (self.start, self.end) = (start, end)
    }
  }

  var isWrite: Bool {
    switch call {
    case .put, .delete, .batchPut, .batchDelete, .deleteRange, .compareAndSwap: true
    case .get, .batchGet, .scan: false
    }
  }

  var target: Target {
    switch call {
    case .scan(_, _, _, isReverse: true): .below(end)
    case .scan, .deleteRange: .containing(start)
    case .put, .batchPut: .containing(pairs.first?.key ?? [])
    case .get, .delete, .batchGet, .batchDelete, .compareAndSwap: .containing(keys.first ?? [])
    }
  }

  /// The next request, as far as one region serves it.
  func request(in region: Region) -> SimulatedRegionRequest {
    let range = KeyRange(start: start, end: end).intersect(region.range)
    switch call {
    case .get(let key): return .get(key: key)
    case .put(let key, let value): return .put(Pair(key: key, value: value))
    case .delete, .batchDelete: return .delete(keys: keys.filter(region.contains))
    case .batchGet: return .batchGet(keys: keys.filter(region.contains))
    case .batchPut: return .batchPut(pairs.filter { region.contains($0.key) })
    case .scan(_, _, _, let isReverse):
      return .scan(start: range.start, end: range.end, limit: limit, isReverse: isReverse)
    case .deleteRange: return .deleteRange(start: range.start, end: range.end)
    case .compareAndSwap(let key, let expected, let value):
      return .compareAndSwap(key: key, expected: expected, value: value)
    }
  }

  /// A compare-and-swap has a response.
  mutating func swapped(_ outcome: Outcome) {
    swap = outcome
    isDone = true
  }

  /// A region has done its part.
  mutating func took(_ more: [Pair], from region: Region) {
    found += more
    switch call {
    case .get, .put, .delete, .compareAndSwap: isDone = true
    case .batchGet, .batchDelete:
      keys.removeAll(where: region.contains)
      isDone = keys.isEmpty
    case .batchPut:
      pairs.removeAll { region.contains($0.key) }
      isDone = pairs.isEmpty
    case .scan(_, _, _, let isReverse):
      limit -= more.count
      isDone = limit <= 0 || !resume(beyond: region, isReverse: isReverse)
    case .deleteRange: isDone = !resume(beyond: region, isReverse: false)
    }
  }

  /// Leaves a region's part of the range behind; false when nothing is left.
  private mutating func resume(beyond region: Region, isReverse: Bool) -> Bool {
    if isReverse {
      guard !region.startKey.isEmpty, start.lexicographicallyPrecedes(region.startKey) else {
        return false
      }
      end = region.startKey
      return true
    }
    guard !region.endKey.isEmpty,
      end.isEmpty || region.endKey.lexicographicallyPrecedes(end)
    else { return false }
    start = region.endKey
    return true
  }

  var outcome: Outcome { swap ?? (isWrite ? .done : .found(found)) }
}
