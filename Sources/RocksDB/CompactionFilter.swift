import CRocksDB

/// Drops values in compactions.
///
/// RocksDB calls it for the newest value of each key, on its background threads, when it rewrites a file. When that
/// happens is not defined. A dropped value hides older ones of its key like a deletion, in snapshots too.
package struct CompactionFilter: Sendable {
  /// Whether a value is dropped. Called for every value: it must be fast.
  package typealias Drops = @Sendable (_ value: RawSpan) -> Bool

  /// Called once at the start of a compaction; the result is called for all of its values.
  package var begin: @Sendable () -> Drops

  package init(begin: @escaping @Sendable () -> Drops) {
    self.begin = begin
  }

  /// A factory for `rocksdb_options_set_compaction_filter_factory`, which takes ownership of it.
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

  /// RocksDB writes it into its `OPTIONS` file; it must not change.
  fileprivate static var name: UnsafePointer<CChar> {
    let text: StaticString = "apus.value-filter"
    return UnsafeRawPointer(text.utf8Start).assumingMemoryBound(to: CChar.self)
  }
}

/// The state of a factory. RocksDB destroys it with the last options that refer to it.
private final class FactoryState: Sendable {
  let filter: CompactionFilter

  init(_ filter: CompactionFilter) {
    self.filter = filter
  }
}

/// The state of the filter of one compaction.
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
