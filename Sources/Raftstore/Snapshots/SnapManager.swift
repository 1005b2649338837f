import Codec
package import Engine
package import Runtime
import Synchronization

/// Keeps the files of snapshots: builds them, passes them to senders, takes them from receivers,
/// gives them to be applied, and lets them go when no one needs them.
///
/// Any thread may call; calls that touch files block. Users of a snapshot are registered and
/// counted, and files in use are never changed or removed. The engine must keep its sorted files in
/// the same file system.
package final class SnapManager: Sendable {
  package let directory: String
  package let limits: SnapshotLimits
  let files: SnapshotFiles
  let engine: any KVEngine
  let clock: any Clock
  let metrics: SnapshotMetrics
  /// Held for moments only, never over a file call.
  let registry = Mutex(SnapshotRegistry())
  /// Snapshots by whose names directories go that are none of ours.
  private let foreign = Mutex<Set<SnapshotFileSet>>([])
  private let rate: Mutex<ByteRate>
  private let pause: @Sendable (Duration) -> Void

  /// - Parameter pause: blocks the thread that long; called to keep to `SnapshotLimits.maxBytesPerSecond`.
  package init(
    directory: String, fileSystem: any FileSystem, engine: any KVEngine, clock: any Clock,
    metrics: Metrics, limits: SnapshotLimits = SnapshotLimits(),
    pause: @escaping @Sendable (Duration) -> Void = { _ in }
  ) {
    self.pause = pause
    rate = Mutex(ByteRate(bytesPerSecond: limits.maxBytesPerSecond))
    self.directory = directory
    self.limits = limits
    self.engine = engine
    self.clock = clock
    self.metrics = SnapshotMetrics(metrics)
    files = SnapshotFiles(directory: directory, system: fileSystem)
    metrics.gauge("apus_snapshot_total_bytes", "Bytes of all snapshot files.") { [weak self] in
      Int64(clamping: self?.statistics.totalSize ?? 0)
    }
    for activity in SnapshotActivity.allCases {
      metrics.gauge(
        "apus_snapshot_active", "Snapshots by activity.",
        labels: [("state", "\(activity)")]
      ) { [weak self] in
        Int64(self?.registry.withLock { $0.count(activity) } ?? 0)
      }
    }
  }

  /// Prepares the directory and clears away what a crash has left half-done. Once, before anything
  /// else. Returns the names of directories that stand where files of snapshots should be: someone
  /// else's, which are left alone.
  @discardableResult
  package func open() throws(SnapshotError) -> [String] {
    try files.performing { () throws(FileSystemError) in
      try files.system.createDirectory(directory)
    }
    let names = try files.names()
    var found: Set<SnapshotFileSet> = []
    var directories: [String] = []
    for name in names {
      if name.hasSuffix(SnapshotName.temporarySuffix) {
        do throws(SnapshotError) {
          try files.performing { () throws(FileSystemError) in
            try files.system.remove(files.path(name))
          }
        } catch {
          guard files.isDirectory(name) else { throw error }
          if let set = SnapshotName.parse(name) { foreign.withLock { _ = $0.insert(set) } }
          directories.append(name)
        }
      } else if name.hasSuffix(".reading") {
        // The scratch directory of someone who was looking into a file.
        try files.performing { () throws(FileSystemError) in
          try files.system.removeTree(files.path(name))
        }
      } else if let set = SnapshotName.parse(name) {
        found.insert(set)
      }
    }
    for set in found.sorted() {
      do throws(SnapshotError) {
        try take(set)
      } catch {
        let inTheWay = names.filter { SnapshotName.parse($0) == set && files.isDirectory($0) }
        guard !inTheWay.isEmpty else { throw error }
        foreign.withLock { _ = $0.insert(set) }
        directories += inTheWay
      }
    }
    try files.performing { () throws(FileSystemError) in
      try files.system.syncDirectory(directory)
    }
    return directories
  }

  /// Keeps what was found at start if it can be of use. Received files that do not fit their meta
  /// stay: a region may be waiting for them and its peer must learn what is wrong.
  private func take(_ set: SnapshotFileSet) throws(SnapshotError) {
    do throws(SnapshotError) {
      if let meta = try files.meta(set) {
        registry.withLock { $0.setSize(set, meta.totalSize) }
        return
      }
    } catch {
      guard case .corrupted = error else { throw error }
      if set.origin == .received { return }
    }
    try files.remove(set)
  }

  // MARK: Looking

  package var statistics: SnapshotStatistics {
    registry.withLock { registry in
      SnapshotStatistics(
        generating: registry.count(.generating), sending: registry.count(.sending),
        receiving: registry.count(.receiving), applying: registry.count(.applying),
        totalSize: registry.totalSize)
    }
  }

  /// The snapshots with files here that nothing uses, complete or not, by key; of one key the
  /// received one first. Names that are none of ours are skipped. A removal that failed when the files
  /// were gone has left their bytes in the books: such a snapshot counts as one without a meta file.
  package func idle() throws(SnapshotError) -> [IdleSnapshot] {
    let found = Set(try files.names().compactMap(SnapshotName.parse))
      .subtracting(foreign.withLock { $0 })
    let now = clock.now
    let idle = registry.withLock { registry in
      found.union(registry.counted).sorted().filter {
        !registry.isInUse($0) && !registry.isBeingDelivered($0, now: now)
      }
    }
    var result: [IdleSnapshot] = []
    for set in idle {
      result.append(
        IdleSnapshot(key: set.key, origin: set.origin, modified: try files.modified(set)))
    }
    return result
  }

  // MARK: Limits

  /// Waits until so many bytes may be read or written.
  func throttle(_ bytes: Int) {
    let delay = rate.withLock { $0.delay(for: bytes, now: clock.now) }
    if delay > .zero { pause(delay) }
  }

  /// Whether a leader that wants to generate a snapshot of the region for this store may: it keeps a place for
  /// its reception, for `SnapshotLimits.reservationTime`. No I/O.
  package func reserveReceiving(_ regionID: UInt64) -> Bool {
    let now = clock.now
    return registry.withLock {
      $0.reserve(
        regionID, limit: limits.maxReceiving, now: now, until: now + limits.reservationTime)
    }
  }

  /// Ends the sending of the region's snapshots: this store does not lead it any more. No I/O.
  package func cancelSending(_ regionID: UInt64) {
    registry.withLock { $0.cancelSending(regionID) }
  }

  // MARK: Letting go

  /// Removes a snapshot's files; a snapshot in use is refused as busy.
  package func delete(_ key: SnapshotKey, _ origin: SnapshotOrigin) throws(SnapshotError) {
    let set = SnapshotFileSet(key: key, origin: origin)
    guard registry.withLock({ $0.claim(set) }) else {
      throw .busy("snapshot \(key) is in use")
    }
    defer { registry.withLock { $0.release(set) } }
    try removeClaimed(set)
  }

  /// Removes files the caller has claimed.
  func removeClaimed(_ set: SnapshotFileSet) throws(SnapshotError) {
    // First: a removal that fails has taken some of the files, and no peer may take what is left for a snapshot.
    if set.origin == .received { registry.withLock { $0.endDelivery(set.key) } }
    try files.remove(set)
    registry.withLock { $0.setSize(set, 0) }
  }

  /// Removes what a failed attempt has left. That this fails too changes nothing for the caller: the
  /// next collection, or the next start, finds the files.
  func discardClaimed(_ set: SnapshotFileSet) {
    do throws(SnapshotError) {
      try removeClaimed(set)
    } catch {
      metrics.cleanupFailures.increment()
    }
  }

  /// Frees space for `needed` more bytes by removing idle generated snapshots, oldest first.
  func freeSpace(for needed: UInt64) throws(SnapshotError) {
    func fits() -> Bool {
      if limits.maxTotalSize == 0 { return true }
      let total = registry.withLock { $0.totalSize }
      let (sum, overflow) = total.addingReportingOverflow(needed)
      return !overflow && sum <= limits.maxTotalSize
    }
    if fits() { return }
    let candidates = try idle().filter { $0.origin == .generated }
      .sorted { ($0.modified, $0.key) < ($1.modified, $1.key) }
    for candidate in candidates {
      do throws(SnapshotError) {
        try delete(candidate.key, .generated)
        metrics.evicted.increment()
      } catch {
        // Taken up by someone a moment ago: the next one may do.
        guard case .busy = error else { throw error }
      }
      if fits() { return }
    }
    throw .busy("snapshots take \(statistics.totalSize) bytes already")
  }
}
