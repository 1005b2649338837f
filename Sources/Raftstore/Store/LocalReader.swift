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

  /// Runs `body` on the engine and hands its result out if a lease covered the read.
  ///
  /// - Returns: nil when no lease covers it: ask the raft worker (the result was thrown away).
  /// - Throws: what `body` throws, only if the lease held.
  package func read<T>(
    _ context: RequestContext, _ body: (any KVReader) throws(EngineError) -> T
  ) throws(EngineError) -> Result<(value: T, range: KeyRange), RegionError>? {
    guard let delegate = meta.delegate(context.regionID) else { return nil }
    let outcome: Result<T, EngineError>
    do throws(EngineError) {
      outcome = .success(try body(engine))
    } catch {
      outcome = .failure(error)
    }
    switch delegate.judge(context, now: clock.now) {
    case nil: return nil
    case .failure(let error): return .failure(error)
    case .success(let range): return .success((try outcome.get(), range))
    }
  }

  /// One key's value, as `read` would give it: the most frequent request, kept free of generics.
  package func get(
    _ context: RequestContext, _ family: ColumnFamily, _ key: [UInt8]
  ) throws(EngineError) -> Result<(value: [UInt8]?, range: KeyRange), RegionError>? {
    try read(context) { reader throws(EngineError) in try reader.get(family, key) }
  }
}
