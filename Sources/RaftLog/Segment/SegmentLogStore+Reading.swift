package import Raft
import Synchronization

extension SegmentLogStore {
  private func index(of region: UInt64) -> RegionIndex? {
    table.withLock { $0.regions[region]?.index }
  }

  package func firstIndex(_ region: UInt64) -> UInt64 { index(of: region)?.first ?? 1 }
  package func lastIndex(_ region: UInt64) -> UInt64 { index(of: region)?.last ?? 0 }

  package func term(_ region: UInt64, at index: UInt64) throws(LogStoreError) -> UInt64 {
    try (self.index(of: region) ?? RegionIndex()).term(at: index)
  }

  package func hardState(_ region: UInt64) -> HardState {
    index(of: region)?.hardState ?? HardState()
  }

  package func truncated(_ region: UInt64) -> (index: UInt64, term: UInt64) {
    index(of: region)?.dummy ?? (0, 0)
  }

  package func openedBytes(_ region: UInt64) -> UInt64 { index(of: region)?.openedBytes ?? 0 }

  package func regions() -> [UInt64] { table.withLock { $0.regions.keys.sorted() } }

  package func tombstones() -> [UInt64] { table.withLock { $0.tombstones.keys.sorted() } }

  package func damage(of region: UInt64) -> String? {
    table.withLock { table in
      guard let log = table.regions[region] else { return table.unattributedDamage }
      return log.fence
    }
  }

  // MARK: Entries

  package func entries(
    _ region: UInt64, from: UInt64, to: UInt64, maxBytes: UInt64
  ) throws(LogStoreError) -> [Entry] {
    try checkOpen()
    let found = try table.withLock { (table) throws(LogStoreError) in
      try table.pin(region, from, to, maxBytes)
    }
    defer { for file in found.files.values { file.unpin() } }
    var entries: [Entry] = []
    entries.reserveCapacity(found.locations.count)
    var current: (place: FramePlace, payload: [UInt8])?
    for location in found.locations {
      guard let file = found.files[location.file] else {
        throw .corrupted(location: "\(path), region \(region)", reason: "an entry is in no file")
      }
      let place = FramePlace(location)
      if current?.place != place { current = (place, try payload(place, of: file)) }
      entries.append(
        try FrameReader.entry(
          location, current?.payload ?? [], index: from + UInt64(entries.count), of: file))
    }
    return entries
  }

  // MARK: Values of the owner

  package func value(_ region: UInt64, key: [UInt8]) throws(LogStoreError) -> [UInt8]? {
    try reading(region) { $0?.value(key) }
  }

  package func tombstone(_ region: UInt64) throws(LogStoreError) -> [UInt8]? {
    try checkOpen()
    return table.withLock { $0.tombstones[region] }
  }

  package func scan(
    _ region: UInt64, from: [UInt8], to: [UInt8]?, _ body: ([UInt8], [UInt8]) -> Bool
  ) throws(LogStoreError) {
    let pairs = try reading(region) { $0?.pairs } ?? []
    for pair in pairs.drop(while: { $0.key.lexicographicallyPrecedes(from) }) {
      if let to, !pair.key.lexicographicallyPrecedes(to) { return }
      guard body(pair.key, pair.value) else { return }
    }
  }

  private func reading<R: Sendable>(
    _ region: UInt64, _ body: (SegmentRegion?) -> R
  ) throws(LogStoreError) -> R {
    try checkOpen()
    return try table.withLock { (table) throws(LogStoreError) in
      let log = table.regions[region]
      if let fence = log?.fence { throw .corrupted(location: "region \(region)", reason: fence) }
      return body(log)
    }
  }
}

extension SegmentTable {
  /// The places of entries of a region, as `RaftLogStore.entries` selects them, and their files, pinned.
  func pin(
    _ region: UInt64, _ from: UInt64, _ to: UInt64, _ maxBytes: UInt64
  ) throws(LogStoreError) -> (locations: ArraySlice<EntryLocation>, files: [UInt32: SegmentFile]) {
    let log = regions[region] ?? SegmentRegion()
    guard from >= log.index.first else { throw .compacted(first: log.index.first) }
    guard from <= log.index.last + 1, to <= log.index.last + 1 else {
      throw .unavailable(last: log.index.last)
    }
    if let fence = log.fence { throw .corrupted(location: "region \(region)", reason: fence) }
    guard from < to else { return ([], [:]) }
    var slice = log.locations.slice(from..<to)
    if maxBytes < .max {
      var bytes: UInt64 = 0
      let count = slice.prefix { location in
        bytes += UInt64(location.length)
        return bytes <= maxBytes
      }.count
      slice = slice.prefix(max(1, count))
    }
    // A copy: sharing the array would make the next append copy all of it.
    let locations = Array(slice)[...]
    var pinned: [UInt32: SegmentFile] = [:]
    for location in locations where pinned[location.file] == nil {
      guard let file = files[UInt64(location.file)]?.file else { continue }
      file.pin()
      pinned[location.file] = file
    }
    return (locations, pinned)
  }

  /// Records how many bytes of entries each region has.
  mutating func noteOpenedBytes() {
    for region in regions.keys { noteOpenedBytes(region) }
  }
}
