import Codec
import Engine
import Runtime

extension SnapManager {
  /// Opens a built snapshot for one stream. End it by the source's `finish`.
  package func beginSending(_ key: SnapshotKey) throws(SnapshotError) -> SnapshotSource {
    let set = SnapshotFileSet(key: key, origin: .generated)
    let limit = limits.maxSending
    let refusal: SnapshotError? = registry.withLock { registry in
      if registry.count(.sending) >= limit { return .busy("\(limit) snapshots are being sent") }
      return registry.enter(set, .sending) ? nil : .inProgress(key)
    }
    if let refusal { throw refusal }
    do throws(SnapshotError) {
      guard let meta = try files.meta(set) else { throw .notFound(key) }
      return SnapshotSource(self, set, meta)
    } catch {
      let isBroken = if case .corrupted = error { true } else { false }
      endSending(set, succeeded: false, isBroken: isBroken)
      throw error
    }
  }

  /// Takes a stream off. What was sent, or found broken, goes unless another stream still needs it.
  func endSending(_ set: SnapshotFileSet, succeeded: Bool, isBroken: Bool) {
    if succeeded { metrics.sent.increment() }
    if isBroken { metrics.corrupted.increment() }
    let isClaimed = registry.withLock { registry in
      registry.leave(set, .sending)
      return (succeeded || isBroken) && registry.claim(set)
    }
    guard isClaimed else { return }
    discardClaimed(set)
    registry.withLock { $0.release(set) }
  }
}
