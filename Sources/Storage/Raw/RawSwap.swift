package import Codec
import Engine

/// A compare-and-swap: a write of one key if the key has an expected value.
package struct RawSwap: Sendable {
  package var key: [UInt8]
  /// Nil: the key must not exist.
  package var expected: [UInt8]?
  /// Nil: the key is deleted.
  package var replacement: [UInt8]?
  /// Seconds until the new value expires; 0 for never.
  package var ttl: UInt64

  package init(key: [UInt8], expected: [UInt8]?, replacement: [UInt8]?, ttl: UInt64 = 0) {
    self.key = key
    self.expected = expected
    self.replacement = replacement
    self.ttl = ttl
  }

  /// The result of a swap.
  package struct Outcome: Sendable, Hashable {
    package var succeeded: Bool
    /// The value before the swap; nil if there was none.
    package var previous: [UInt8]?

    package init(succeeded: Bool, previous: [UInt8]?) {
      self.succeeded = succeeded
      self.previous = previous
    }
  }

  /// About its bytes of memory while it waits.
  var memoryCost: Int { key.count + (expected?.count ?? 0) + (replacement?.count ?? 0) + 512 }
}

extension RawCommands {
  /// Compares and swaps the value of one key. No other write of the key is applied between the read and the write:
  /// those of this store wait for the key's latch, and after a write of another leader the swap fails with a region
  /// error.
  ///
  /// Only the resulting put or delete is replicated, with the expiry in the value. Replicas neither compare values nor
  /// read their clocks.
  package func compareAndSwap(
    _ context: RequestContext, cf name: String, _ swap: RawSwap,
    on executor: @escaping StorageExecutor,
    _ completion: @escaping @Sendable (Result<RawSwap.Outcome, StorageError>) -> Void
  ) {
    do throws(StorageError) {
      let cf = try family(name, context)
      try checkSize(swap.key)
      if swap.replacement != nil { try format.values.check(ttl: swap.ttl) }
      let isQueued = latches.update(cf, swap.key, bytes: swap.memoryCost) { [self] in
        storage.update(
          context, on: executor,
          { [format] reader, range throws(StorageError) in
            let view = RawView(
              family: cf.family, reader: reader, range: range, values: format.values)
            return try view.update(for: swap, cf, context)
          }
        ) { [latches] (result: Result<RawSwap.Outcome, StorageError>) in
          latches.endUpdate(of: cf, swap.key)
          completion(result)
        }
      }
      if !isQueued { throw Self.latchesAreFull }
    } catch {
      completion(.failure(error))
    }
  }
}

extension RawView {
  /// The outcome of a swap, with its mutation if it succeeds.
  fileprivate func update(
    for swap: RawSwap, _ cf: DataCF, _ context: RequestContext
  ) throws(StorageError) -> StorageUpdate<RawSwap.Outcome> {
    let found = try stored(swap.key, context)
    let previous = if let found { try values.live(found, of: swap.key) } else { [UInt8]?.none }
    guard previous == swap.expected else {
      return StorageUpdate(RawSwap.Outcome(succeeded: false, previous: previous), [])
    }
    let mutation: Mutation
    if let replacement = swap.replacement {
      let value = try values.stored(replacement, ttl: swap.ttl)
      mutation = .put(cf: cf, key: swap.key, value: value)
    } else {
      mutation = .delete(cf: cf, key: swap.key)
    }
    return StorageUpdate(RawSwap.Outcome(succeeded: true, previous: previous), [mutation])
  }
}
