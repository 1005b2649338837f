import Codec
import Engine
import Runtime

extension SnapManager {
  /// Builds the files of the region's data as the request's snapshot shows them, or takes those that
  /// are there already.
  ///
  /// - Parameter isCancelled: asked now and then; true ends the work with `stale`.
  package func generate(
    _ request: SnapshotRequest, isCancelled: () -> Bool = { false }
  ) throws(SnapshotError) -> GeneratedSnapshot {
    let key = SnapshotKey(
      regionID: request.region.id, term: request.term, index: request.index)
    let set = SnapshotFileSet(key: key, origin: .generated)
    let meta: SnapshotMeta
    if registry.withLock({ $0.claim(set, for: .generating) }) {
      defer { registry.withLock { $0.release(set, from: .generating) } }
      meta = try generateClaimed(set, request, isCancelled)
    } else {
      meta = try shared(set)
    }
    let data = RaftSnapshotData(
      region: request.region, fileSize: meta.totalSize, meta: meta)
    return GeneratedSnapshot(key: key, data: data.encoded())
  }

  /// The meta of a snapshot that is being sent, and so is complete.
  private func shared(_ set: SnapshotFileSet) throws(SnapshotError) -> SnapshotMeta {
    guard registry.withLock({ $0.enter(set, .generating) }) else { throw .inProgress(set.key) }
    defer { registry.withLock { $0.leave(set, .generating) } }
    guard let meta = try files.meta(set) else { throw .notFound(set.key) }
    metrics.reused.increment()
    return meta
  }

  private func generateClaimed(
    _ set: SnapshotFileSet, _ request: SnapshotRequest, _ isCancelled: () -> Bool
  ) throws(SnapshotError) -> SnapshotMeta {
    do throws(SnapshotError) {
      if let meta = try files.meta(set) {
        metrics.reused.increment()
        return meta
      }
    } catch {
      // Files that do not fit together are built again.
      guard case .corrupted = error else { throw error }
      metrics.corrupted.increment()
    }
    do throws(SnapshotError) {
      try removeClaimed(set)
      try freeSpace(for: 0)
      let begun = clock.now
      let builder = SnapshotGenerator(
        set: set, files: files, engine: engine, snapshot: request.snapshot,
        range: request.region.range, maxFileBytes: limits.maxFileBytes,
        throttle: { self.throttle($0) })
      var meta = SnapshotMeta(start: clock.wallMilliseconds)
      meta.files = try builder.generate { isCancelled() || request.cancellation.isCancelled }
      let taken = clock.now - begun
      meta.generateDurationSeconds = UInt64(clamping: taken.components.seconds)
      try files.publish(set, meta)
      metrics.generation.observe(taken)
      metrics.generated.increment()
      registry.withLock { $0.setSize(set, meta.totalSize) }
      return meta
    } catch {
      discardClaimed(set)
      throw error
    }
  }
}
