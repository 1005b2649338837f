import Raft
import Runtime
import Synchronization

extension EtcdLogStore {
  package func hold(_ region: UInt64, from index: UInt64) -> LogHold {
    table.withLock { $0.holds.hold(region, from: index) }
  }

  package func release(_ hold: LogHold) {
    table.withLock { $0.holds.release(hold) }
  }

  /// Removes segments without entries that are needed, and the directories of destroyed regions.
  @discardableResult
  package func purge() throws(LogStoreError) -> [LogPurgeAdvice] {
    if options.readOnly { return try advice() }
    try writing { (writer) throws(LogStoreError) in
      try barrier(&writer)
      try prove(&writer)
      for region in writer.wals.keys.sorted() {
        do throws(EtcdWALError) {
          try purge(region, &writer)
        } catch {
          throw poisoning(error, &writer)
        }
      }
    }
    return try advice()
  }

  /// Everything of the region is durable.
  private func purge(_ region: UInt64, _ writer: inout Writer) throws(EtcdWALError) {
    guard var wal = writer.wals[region] else { return }
    let (state, holds) = table.withLock { ($0.regions[region], $0.holds) }
    guard let state else {
      writer.wals[region] = nil
      writer.dirty.remove(region)
      try remove(region)
      return
    }
    if wal.startsEmpty {
      // The tombstone is at the head of the next segment.
      wal.startsEmpty = false
      try cut(region, &wal, &writer)
      wal.wal.releaseAllButLast()
      wal.hasOrphans = true
    }
    let start: (index: UInt64, term: UInt64) = state.index?.dummy ?? (0, 0)
    let before = wal.wal.segments[0].name
    wal.wal.releaseLocks(to: holds.deletable(region, truncatedAt: start.index) + 1)
    if wal.wal.segments[0].name != before, start.index > 0 {
      // As etcd: a snapshot at the start of what is left.
      let snapshotter = Snapshotter(directory.child(Self.name(region)) + "/snap", system)
      try snapshotter.save(
        Snapshot(metadata: SnapshotMetadata(index: start.index, term: start.term)))
      try snapshotter.removeOrphans(below: start.index)
    }
    wal.hasOrphans = wal.hasOrphans || wal.wal.segments[0].name != before
    writer.wals[region] = wal
    guard wal.hasOrphans else { return }
    try wal.wal.purge()
    writer.wals[region]?.hasOrphans = false
  }

  private func advice() throws(LogStoreError) -> [LogPurgeAdvice] {
    let limit = options.adviceThresholdBytes
    let all = try reading { table in
      let bytes = table.regions.values.reduce(into: UInt64(0)) {
        $0 += EntryLimits.encodedSize(of: $1.log.entries)
      }
      guard bytes >= limit else { return [LogPurgeAdvice]() }
      return table.regions.compactMap { region, state in
        state.index.map {
          LogPurgeAdvice(
            region: region, compactTo: $0.last, pinnedEntries: $0.last - $0.dummy.index)
        }
      }
    }
    let sorted = all.filter { $0.pinnedEntries > 0 }
      .sorted { ($1.pinnedEntries, $0.region) < ($0.pinnedEntries, $1.region) }
    return Array(sorted.prefix(16))
  }

  /// Bytes of the segments up to their ends. Those that are written later reuse the rest.
  package func usedBytes() throws(LogStoreError) -> UInt64 {
    try writer.withLock { (writer) throws(LogStoreError) in
      if writer.isClosed { throw .closed }
      return writer.wals.values.reduce(into: 0) { sum, wal in
        sum += UInt64(wal.wal.segments.count - 1) * options.segmentBytes + wal.wal.offset
      }
    }
  }

  @discardableResult
  package func checkpoint(to path: String) throws(LogStoreError) -> UInt64 {
    try writing { (writer) throws(LogStoreError) in
      for region in table.withLock({ $0.damaged.keys.sorted() }) {
        try table.withLock { (table) throws(LogStoreError) in try table.check(region) }
      }
      try barrier(&writer)
      do throws(EtcdWALError) {
        try copy(writer.wals, to: EtcdDirectory(path: path, system: system))
      } catch {
        throw LogStoreError(error)
      }
      return writer.lsn
    }
  }

  /// Copies the segments to `<target>.tmp`, which is then renamed.
  private func copy(
    _ wals: [UInt64: EtcdRegionWAL], to target: EtcdDirectory
  ) throws(EtcdWALError) {
    let temporary = EtcdDirectory(path: target.path + ".tmp", system: system)
    let isFree = try target.performing { (files) throws(FileSystemError) in
      guard try !files.exists(target.path) else { return false }
      try files.removeTree(temporary.path)
      try files.createDirectory(temporary.path)
      let lock = try files.openRandomAccess(temporary.child("LOCK"), create: true, readOnly: false)
      try lock.sync()
      return true
    }
    guard isFree else { throw .exists(path: target.path) }
    if let identity = table.withLock({ $0.identity }) { try Self.write(identity, to: temporary) }
    for (region, wal) in wals.sorted(by: { $0.key < $1.key }) {
      let (source, copy) = (wal.wal.directory, Self.wal(of: region, in: temporary))
      for segment in wal.wal.segments {
        let file = try source.open(segment.name, readOnly: true)
        try copy.performing { (files) throws(FileSystemError) in
          try files.createDirectory(copy.path)
          try files.createDirectory(copy.parent + "/snap")
          try files.copy(file, to: copy.child(segment.name))
        }
      }
      try copy.performing { (files) throws(FileSystemError) in
        try files.syncDirectory(copy.path)
        try files.syncDirectory(copy.parent)
      }
    }
    try target.performing { (files) throws(FileSystemError) in
      try files.syncDirectory(temporary.path)
      try files.rename(temporary.path, to: target.path)
      try files.syncDirectory(target.parent)
    }
  }

  /// Reads all WALs again. Both depths are the same.
  package func verify(deep: Bool) throws(LogStoreError) {
    try writer.withLock { (writer) throws(LogStoreError) in
      if writer.isClosed { throw .closed }
      for region in writer.wals.keys.sorted() {
        let expected = table.withLock { $0.regions[region] } ?? EtcdRegion()
        do throws(EtcdWALError) {
          let scan = try EtcdRegionWAL.scan(Self.wal(of: region, in: directory))
          guard let scan, scan.region == expected else {
            throw .damaged(
              path: Self.wal(of: region, in: directory).path, offset: 0,
              reason: "the stored log does not match the one in memory")
          }
        } catch {
          throw LogStoreError(error)
        }
      }
    }
  }
}
