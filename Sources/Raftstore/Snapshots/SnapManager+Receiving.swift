import Codec
import Engine
import Runtime

extension SnapManager {
  /// Prepares to receive the files that `data`, an encoded `RaftSnapshotData`, announces.
  ///
  /// - Returns: nil when a complete copy is already here: nothing need be sent.
  package func beginReceiving(
    _ key: SnapshotKey, data: [UInt8]
  ) throws(SnapshotError) -> SnapshotSink? {
    let set = SnapshotFileSet(key: key, origin: .received)
    let meta = try announced(key, data)
    let limit = limits.maxReceiving
    var isBeingApplied = false
    let refusal: SnapshotError? = registry.withLock { registry in
      // What is being applied was verified: a complete copy.
      isBeingApplied = registry.isInUse(set, by: .applying) || registry.isPinned(set)
      if isBeingApplied { return nil }
      if registry.isInUse(set) { return .inProgress(key) }
      if registry.count(.receiving) >= limit {
        return .busy("\(limit) snapshots are being received")
      }
      return registry.claim(set, for: .receiving) ? nil : .inProgress(key)
    }
    if let refusal { throw refusal }
    if isBeingApplied { return nil }
    do throws(SnapshotError) {
      if try isComplete(set, meta) {
        endReceiving(set, isDelivered: true)
        return nil
      }
      try removeClaimed(set)
      try makeRoom(for: meta.totalSize)
      registry.withLock { $0.setSize(set, meta.totalSize) }
      return SnapshotSink(self, set, meta)
    } catch {
      discardClaimed(set)
      endReceiving(set, isDelivered: false)
      throw error
    }
  }

  /// Whether the snapshot's files came before its message, as they do on a snapshot stream.
  package func hasArrived(_ key: SnapshotKey) -> Bool {
    registry.withLock { $0.isDelivered(key) }
  }

  /// Whether exactly the announced files are here; others under their names do not count.
  private func isComplete(
    _ set: SnapshotFileSet, _ announced: SnapshotMeta
  ) throws(SnapshotError) -> Bool {
    do throws(SnapshotError) {
      return try files.meta(set)?.files == announced.files
    } catch {
      guard case .corrupted = error else { throw error }
      return false
    }
  }

  /// The meta that the leader's message announces, if it makes sense.
  private func announced(
    _ key: SnapshotKey, _ data: [UInt8]
  ) throws(SnapshotError) -> SnapshotMeta {
    let path = files.path(
      SnapshotName.base(SnapshotFileSet(key: key, origin: .received)))
    let announced: RaftSnapshotData
    do throws(CodecError) {
      try FieldCount.check(data.span.bytes, depth: 3)
      announced = try RaftSnapshotData(decoding: data)
    } catch {
      throw .corrupted(path: path, reason: "its announcement: \(error)")
    }
    func refuse(_ reason: String) -> SnapshotError {
      .corrupted(path: path, reason: "its announcement: \(reason)")
    }
    guard announced.version == RaftSnapshotData.currentVersion else {
      throw refuse("version \(announced.version)")
    }
    guard announced.region.id == key.regionID else {
      throw refuse("of region \(announced.region.id)")
    }
    if let problem = SnapshotFiles.problem(of: announced.meta) { throw refuse(problem) }
    guard announced.fileSize == announced.meta.totalSize else {
      throw refuse("\(announced.fileSize) bytes in all, \(announced.meta.totalSize) in files")
    }
    return announced.meta
  }

  /// Ends a reception. What arrived whole is kept for a while even though nobody has it registered.
  func endReceiving(_ set: SnapshotFileSet, isDelivered: Bool) {
    let end = clock.now + limits.deliveryGrace
    registry.withLock { registry in
      registry.release(set, from: .receiving)
      if isDelivered { registry.deliver(set.key, until: end) }
    }
  }
}
