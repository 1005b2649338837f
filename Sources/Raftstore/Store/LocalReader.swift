package import Codec
package import Engine
package import Runtime

/// Serves reads on the caller's thread, without the raft worker: a leader's while its lease holds, and stale reads up to
/// the timestamp that is safe here.
package struct LocalReader: Sendable {
  private let engine: any KVEngine
  private let meta: StoreMeta
  private let clock: any Clock
  /// Takes the load of regions whose reads exceed a threshold.
  private let router: Router
  private let loadSplit: LoadSplitConfig

  package init(
    engine: any KVEngine, meta: StoreMeta, clock: any Clock, router: Router,
    loadSplit: LoadSplitConfig = LoadSplitConfig()
  ) {
    self.engine = engine
    self.meta = meta
    self.clock = clock
    self.router = router
    self.loadSplit = loadSplit
  }

  /// Runs `body` on one moment of the engine and returns its result if a lease covered the read, or if a stale read is
  /// safe here. Without a lease `body` is not run. May read files: not for event loops.
  ///
  /// - Parameter body: receives the range of the region, outside of which it must not read.
  /// - Returns: nil when this thread cannot serve it: ask the raft worker.
  /// - Throws: what `body` throws, only if the lease held.
  package func read<T>(
    _ context: RequestContext, _ body: (any KVReader, KeyRange) throws(EngineError) -> T
  ) throws(EngineError) -> Result<T, RegionError>? {
    guard let delegate = meta.delegate(context.regionID) else { return nil }
    if context.staleRead { return try readStale(context, delegate, body) }
    let range: KeyRange
    switch delegate.check(context, now: clock.now) {
    case nil: return nil
    case .failure(let error): return .failure(error)
    case .success(let found): range = found
    }
    let outcome = Self.run(body, on: engine.snapshot(), range)
    switch delegate.check(context, now: clock.now) {
    case nil: return nil
    case .failure(let error): return .failure(error)
    case .success: return .success(try outcome.get())
    }
  }

  /// A view for a write that depends on it, if a lease covers it. The peer has applied an entry of the lease's term, so
  /// the view lacks at most the writes that this leader proposed in that term and has not completed.
  ///
  /// - Returns: nil when this thread cannot serve it: ask the raft worker.
  package func view(_ context: RequestContext) -> Result<LeaseView, RegionError>? {
    guard let delegate = meta.delegate(context.regionID),
      let term = delegate.leaseTerm(at: clock.now)
    else { return nil }
    switch delegate.check(context, now: clock.now) {
    case nil: return nil
    case .failure(let error): return .failure(error)
    case .success: break
    }
    let snapshot = engine.snapshot()
    switch delegate.check(context, now: clock.now) {
    case nil: return nil
    case .failure(let error): return .failure(error)
    case .success(let range):
      guard delegate.leaseTerm(at: clock.now) == term else { return nil }
      return .success(LeaseView(snapshot: snapshot, range: range, term: term))
    }
  }

  /// One key's value, if a lease covers the read and no file has to be read: the most frequent request, kept
  /// free of generics.
  package func getFromMemory(
    _ context: RequestContext, _ family: ColumnFamily, _ key: [UInt8]
  ) throws(EngineError) -> Result<(value: [UInt8]?, range: KeyRange), RegionError>? {
    guard let delegate = meta.delegate(context.regionID), !context.staleRead else { return nil }
    switch delegate.check(context, now: clock.now) {
    case nil: return nil
    case .failure(let error): return .failure(error)
    case .success: break
    }
    guard let value = try engine.getFromMemory(family, key) else { return nil }
    let checked = delegate.checkRead(
      of: key, bytes: value?.count ?? 0, context, now: clock.now, loadSplit)
    if let load = checked.load { router.report(load) }
    switch checked.outcome {
    case nil: return nil
    case .failure(let error): return .failure(error)
    case .success(let range): return .success((value, range))
    }
  }

  /// Counts a read that was not served by `getFromMemory`, for splits by load and reports to the placement driver.
  ///
  /// - Parameters:
  ///   - end: equal to `start` for a single key, empty for no bound.
  ///   - keys: how many were returned.
  ///   - busy: how long a thread has worked on it; zero for reads of few keys.
  package func recordRead(
    _ context: RequestContext, from start: [UInt8], to end: [UInt8], keys: Int, bytes: Int,
    busy: Duration
  ) {
    guard let delegate = meta.delegate(context.regionID) else { return }
    let load = delegate.recordRead(
      start, end, keys: keys, bytes: bytes, busy: busy, now: clock.now, loadSplit)
    if let load { router.report(load) }
  }

  /// A view that is taken after the timestamp was found to be safe has everything up to it. The second check is for data
  /// that was replaced or removed meanwhile.
  private func readStale<T>(
    _ context: RequestContext, _ delegate: ReadDelegate,
    _ body: (any KVReader, KeyRange) throws(EngineError) -> T
  ) throws(EngineError) -> Result<T, RegionError>? {
    guard let admission = delegate.admitStale(context) else { return nil }
    let outcome = Self.run(body, on: engine.snapshot(), admission.range)
    return delegate.confirmStale(admission) ? .success(try outcome.get()) : nil
  }

  /// A read of a region's data has failed. If the data is damaged its peer is fenced.
  ///
  /// - Returns: what sends the client to another replica; nil if there is none, or if nothing is damaged.
  package func reportDamage(_ error: EngineError, _ context: RequestContext) -> RegionError? {
    guard error.kind == .corruption else { return nil }
    router.reportDamage(error, regionID: context.regionID)
    guard let region = meta.held(context.regionID)?.region,
      region.peers.contains(where: { $0.storeID != context.peer.storeID && $0.role != .learner })
    else { return nil }
    return .notLeader(regionID: context.regionID, leader: nil)
  }

  private static func run<T>(
    _ body: (any KVReader, KeyRange) throws(EngineError) -> T, on view: any KVReader,
    _ range: KeyRange
  ) -> Result<T, EngineError> {
    do throws(EngineError) {
      return .success(try body(view, range))
    } catch {
      return .failure(error)
    }
  }
}

/// A view of a region that a leader's lease covers.
package struct LeaseView: Sendable {
  package var snapshot: any KVSnapshot
  /// The range of the region.
  package var range: KeyRange
  /// The term of the lease, which is the `WriteRequest.requiredTerm` of a write that depends on the view.
  package var term: UInt64
}
