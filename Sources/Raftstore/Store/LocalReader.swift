package import Codec
package import Engine
package import Runtime

/// Serves a leader's reads on the caller's thread, without the raft worker, while a lease holds.
package struct LocalReader: Sendable {
  private let engine: any KVEngine
  private let meta: StoreMeta
  private let clock: any Clock

  package init(engine: any KVEngine, meta: StoreMeta, clock: any Clock) {
    self.engine = engine
    self.meta = meta
    self.clock = clock
  }

  /// Runs `body` on one moment of the engine and returns its result if a lease covered the read. May read
  /// files: not for event loops.
  ///
  /// - Returns: nil when no lease covers it: ask the raft worker.
  /// - Throws: what `body` throws, only if the lease held.
  package func read<T>(
    _ context: RequestContext, _ body: (any KVReader) throws(EngineError) -> T
  ) throws(EngineError) -> Result<(value: T, range: KeyRange), RegionError>? {
    guard let delegate = readyDelegate(context) else { return nil }
    let view = engine.snapshot()
    let outcome: Result<T, EngineError>
    do throws(EngineError) {
      outcome = .success(try body(view))
    } catch {
      outcome = .failure(error)
    }
    switch delegate.check(context, now: clock.now) {
    case nil: return nil
    case .failure(let error): return .failure(error)
    case .success(let range): return .success((try outcome.get(), range))
    }
  }

  /// One key's value, if a lease covers the read and no file has to be read: the most frequent request, kept
  /// free of generics.
  package func getFromMemory(
    _ context: RequestContext, _ family: ColumnFamily, _ key: [UInt8]
  ) throws(EngineError) -> Result<(value: [UInt8]?, range: KeyRange), RegionError>? {
    guard let delegate = readyDelegate(context),
      let value = try engine.getFromMemory(family, key)
    else { return nil }
    switch delegate.check(context, now: clock.now) {
    case nil: return nil
    case .failure(let error): return .failure(error)
    case .success(let range): return .success((value, range))
    }
  }

  /// Where the read is checked, if there is a lease at all: without one the data would be read without
  /// success.
  private func readyDelegate(_ context: RequestContext) -> ReadDelegate? {
    guard let delegate = meta.delegate(context.regionID), delegate.leaseTerm(at: clock.now) != nil
    else { return nil }
    return delegate
  }
}
