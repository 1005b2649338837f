package import Raft
import Synchronization

extension EtcdLogStore {
  private func index(of region: UInt64) -> RegionIndex? {
    table.withLock { $0.regions[region]?.index }
  }

  /// Calls `body` with what readers of an open store see.
  func reading<R: Sendable>(
    _ body: (Table) throws(LogStoreError) -> R
  ) throws(LogStoreError) -> R {
    try table.withLock { (table) throws(LogStoreError) in
      if table.isClosed { throw .closed }
      return try body(table)
    }
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

  package func damage(of region: UInt64) -> String? { table.withLock { $0.damaged[region] } }

  package func regions() -> [UInt64] {
    table.withLock { table in
      table.regions.compactMap { $0.value.index == nil ? nil : $0.key }.sorted()
    }
  }

  package func tombstones() -> [UInt64] {
    table.withLock { table in
      table.regions.compactMap { $0.value.tombstone == nil ? nil : $0.key }.sorted()
    }
  }

  package func entries(
    _ region: UInt64, from: UInt64, to: UInt64, maxBytes: UInt64
  ) throws(LogStoreError) -> [Entry] {
    try reading { (table) throws(LogStoreError) in
      try table.check(region)
      let log = table.regions[region]?.log ?? MemoryRegionLog()
      return try log.entries(from: from, to: to, maxBytes: maxBytes)
    }
  }

  package func value(_ region: UInt64, key: [UInt8]) throws(LogStoreError) -> [UInt8]? {
    try reading { (table) throws(LogStoreError) in
      try table.check(region)
      return table.regions[region]?.log.value(key)
    }
  }

  package func tombstone(_ region: UInt64) throws(LogStoreError) -> [UInt8]? {
    try reading { $0.regions[region]?.tombstone }
  }

  package func scan(
    _ region: UInt64, from: [UInt8], to: [UInt8]?, _ body: ([UInt8], [UInt8]) -> Bool
  ) throws(LogStoreError) {
    let pairs = try reading { (table) throws(LogStoreError) in
      try table.check(region)
      return table.regions[region]?.log.pairs ?? []
    }
    for pair in pairs.drop(while: { $0.key.lexicographicallyPrecedes(from) }) {
      if let to, !pair.key.lexicographicallyPrecedes(to) { return }
      guard body(pair.key, pair.value) else { return }
    }
  }
}

extension EtcdLogStore.Table {
  /// Throws if the region's WAL is damaged.
  func check(_ region: UInt64) throws(LogStoreError) {
    if let damage = damaged[region] {
      throw .corrupted(location: "region \(region)", reason: damage)
    }
  }
}
