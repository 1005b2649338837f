package import Codec
package import Engine
import Runtime

extension SnapManager {
  /// A peer was going to apply the snapshot before this process began: its files, if they are there, are
  /// pinned. No I/O.
  package func pin(_ key: SnapshotKey, for peerID: UInt64) {
    registry.withLock { $0.pin(key, for: peerID) }
  }

  /// Pins the snapshot for the peer that has got its message and is going to apply its files: until that peer's
  /// `unpin`, or `finishApplying` with `delete`, no one removes them or receives them again. No I/O.
  ///
  /// - Parameter range: the region's, by the message.
  /// - Returns: false when no reception has put files of that range in place, or someone is removing
  ///   them, has tried to, or is receiving them again: the peer must not give up what it has for them.
  package func pinReceived(_ key: SnapshotKey, _ range: KeyRange, for peerID: UInt64) -> Bool {
    registry.withLock { $0.pinReceived(key, range, for: peerID) }
  }

  /// The peer has given the snapshot up. Idempotent, no I/O. Another peer that is going to apply it keeps it.
  package func unpin(_ key: SnapshotKey, for peerID: UInt64) {
    registry.withLock { $0.unpin(key, for: peerID) }
  }

  /// Takes up a received snapshot: its files, every byte verified against the meta. Empty families
  /// have none. End it by `finishApplying`; after an error there is nothing to end.
  package func beginApplying(_ key: SnapshotKey) throws(SnapshotError) -> [SSTFile] {
    let set = SnapshotFileSet(key: key, origin: .received)
    guard registry.withLock({ $0.enter(set, .applying) }) else { throw .inProgress(key) }
    do throws(SnapshotError) {
      guard let meta = try files.meta(set) else { throw .notFound(key) }
      var result: [SSTFile] = []
      for ((family, path), file) in zip(files.paths(set, meta), meta.files) where file.size > 0 {
        let (size, checksum) = try files.checksum(path)
        if size != file.size || checksum != file.checksum {
          throw .corrupted(path: path, reason: "checksum mismatch")
        }
        result.append(SSTFile(family, path: path))
      }
      return result
    } catch {
      if case .corrupted = error { metrics.corrupted.increment() }
      registry.withLock { $0.leave(set, .applying) }
      throw error
    }
  }

  /// Lets a received snapshot go again; with `delete` its files go too, unless someone else is
  /// still applying them.
  package func finishApplying(_ key: SnapshotKey, for peerID: UInt64, delete: Bool) {
    let set = SnapshotFileSet(key: key, origin: .received)
    let isClaimed = registry.withLock { registry in
      registry.leave(set, .applying)
      // Its message has reached the peer. Should the removal fail, nothing keeps it from being tried again.
      if delete {
        registry.endDelivery(key)
        registry.unpin(key, for: peerID)
      }
      return delete && registry.claim(set)
    }
    if delete { metrics.applied.increment() }
    guard isClaimed else { return }
    discardClaimed(set)
    registry.withLock { $0.release(set) }
  }
}
