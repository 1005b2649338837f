import CRocksDB

/// Which values a compaction leaves out of the files it writes.
///
/// RocksDB passes each newest value of a key to it, on its background threads, and only while files are
/// rewritten: what is left out disappears at some time, not at a certain one. A value that is left out hides older
/// ones of its key like a deletion. Snapshots do not keep it.
package struct CompactionFilter: Sendable {
  /// Whether a value is left out. Called for every value: it must be fast.
  package typealias Drops = @Sendable (_ value: RawSpan) -> Bool

  /// Called once when a compaction begins; the result is asked about all of its values.
  package var begin: @Sendable () -> Drops

  package init(begin: @escaping @Sendable () -> Drops) {
    self.begin = begin
  }

  /// A factory for `rocksdb_options_set_compaction_filter_factory`, which takes it over.
  func makeFactory() -> OpaquePointer? {
    let state = Unmanaged.passRetained(FactoryState(self)).toOpaque()
    return rocksdb_compactionfilterfactory_create(
      state,
      { state in
        guard let state else { return }
        Unmanaged<FactoryState>.fromOpaque(state).release()
      },
      { state, _ in
        guard let state else { return nil }
        let filter = Unmanaged<FactoryState>.fromOpaque(state).takeUnretainedValue().filter
        return FilterState.make(filter.begin())
      },
      { _ in CompactionFilter.name })
  }

  /// What RocksDB writes into its `OPTIONS` file and never changes.
  fileprivate static var name: UnsafePointer<CChar> {
    let text: StaticString = "apus.value-filter"
    return UnsafeRawPointer(text.utf8Start).assumingMemoryBound(to: CChar.self)
  }
}

/// What a factory keeps until RocksDB destroys it with the last options that name it.
private final class FactoryState: Sendable {
  let filter: CompactionFilter

  init(_ filter: CompactionFilter) {
    self.filter = filter
  }
}

/// What one compaction's filter keeps.
private final class FilterState: Sendable {
  let drops: CompactionFilter.Drops

  init(_ drops: @escaping CompactionFilter.Drops) {
    self.drops = drops
  }

  /// A filter that RocksDB destroys at the end of the compaction.
  static func make(_ drops: @escaping CompactionFilter.Drops) -> OpaquePointer? {
    let state = Unmanaged.passRetained(FilterState(drops)).toOpaque()
    return rocksdb_compactionfilter_create(
      state,
      { state in
        guard let state else { return }
        Unmanaged<FilterState>.fromOpaque(state).release()
      },
      { state, _, _, _, value, count, _, _, _ in
        guard let state else { return 0 }
        let bytes = UnsafeRawBufferPointer(start: value, count: count)
        let filter = Unmanaged<FilterState>.fromOpaque(state)
        return filter._withUnsafeGuaranteedRef { $0.drops(bytes.bytes) ? 1 : 0 }
      },
      { _ in CompactionFilter.name })
  }
}
