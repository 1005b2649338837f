import Codec
import Engine
import Protobuf
import Runtime

extension SnapManager {
  /// Prepares to receive the files that `data`, an encoded `RaftSnapshotData`, announces.
  ///
  /// - Returns: nil when a complete copy is already here: nothing need be sent.
  package func beginReceiving(
    _ key: SnapshotKey, data: [UInt8]
  ) throws(SnapshotError) -> SnapshotSink? {
    let set = SnapshotFileSet(key: key, origin: .received)
    let announced = try announced(key, data)
    let (meta, range) = (announced.meta, announced.region.range)
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
        try checkKeys(set, meta, range)
        endReceiving(set, delivered: range)
        return nil
      }
      try removeClaimed(set)
      try freeSpace(for: meta.totalSize)
      registry.withLock { $0.setSize(set, meta.totalSize) }
      return SnapshotSink(self, set, meta, range)
    } catch {
      discardClaimed(set)
      endReceiving(set, delivered: nil)
      throw error
    }
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

  /// What the leader's message announces, if it makes sense.
  private func announced(
    _ key: SnapshotKey, _ data: [UInt8]
  ) throws(SnapshotError) -> RaftSnapshotData {
    let path = files.path(
      SnapshotName.base(SnapshotFileSet(key: key, origin: .received)))
    let announced: RaftSnapshotData
    do throws(CodecError) {
      try FieldCount.check(data.span.bytes, .snapshotData)
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
    return announced
  }

  /// Refuses files that cannot be read to their end, and files with keys outside the region: those would be
  /// put over the data of other regions, which nothing that belongs to this one may change.
  ///
  /// - Parameter suffix: what the files' names end with while they are not published.
  func checkKeys(
    _ set: SnapshotFileSet, _ meta: SnapshotMeta, _ range: KeyRange, suffix: String = ""
  ) throws(SnapshotError) {
    var last: (family: ColumnFamily, key: [UInt8])?
    for ((family, name), file) in zip(files.paths(set, meta), meta.files) where file.size > 0 {
      let path = name + suffix
      let bounds: SSTBounds
      do throws(EngineError) {
        bounds = try engine.boundsOfSST(path)
      } catch {
        guard error.kind == .corruption else { throw .io("\(error)") }
        metrics.corrupted.increment()
        throw .corrupted(path: path, reason: "\(error)")
      }
      for key in [bounds.first, bounds.last] where !range.contains(key) {
        metrics.corrupted.increment()
        let shown = Array(key.prefix(64)).hex
        throw .corrupted(
          path: path, reason: "key \(shown) is not in the region's range \(range)")
      }
      if let last, last.family == family, !last.key.lexicographicallyPrecedes(bounds.first) {
        metrics.corrupted.increment()
        throw .corrupted(path: path, reason: "its keys do not follow those of the file before")
      }
      last = (family, bounds.last)
    }
  }

  /// Ends a reception.
  ///
  /// - Parameter range: the region's, if all arrived: it is kept for a while even though no one has it
  ///   registered.
  func endReceiving(_ set: SnapshotFileSet, delivered range: KeyRange?) {
    let end = clock.now + limits.deliveryGrace
    registry.withLock { registry in
      registry.release(set, from: .receiving)
      registry.endReservation(set.key.regionID)
      if let range { registry.deliver(set.key, range, until: end) }
    }
  }
}
