/// A log storage in memory, for tests, simulations and groups that need not survive their process: etcd's
/// `MemoryStorage`. One thread at a time.
package final class MemoryStorage: LogStorage {
  package private(set) var hardState = HardState()
  /// The most recent snapshot; empty if there is none.
  package private(set) var storedSnapshot = Snapshot()
  /// The first element is a dummy: index and term of the last compacted entry. Never empty.
  private var log = [Entry()]

  package init() {}

  /// Starts from a membership alone.
  package convenience init(confState: ConfState) {
    self.init()
    storedSnapshot.metadata.confState = confState
  }

  private var dummyIndex: UInt64 { log[0].index }

  package func initialState() throws(LogStorageError) -> (HardState, ConfState) {
    (hardState, storedSnapshot.metadata.confState)
  }

  /// Replaces term, vote and commit index.
  package func setHardState(_ state: HardState) {
    hardState = state
  }

  package func entries(
    from lo: UInt64, to hi: UInt64, maxSize: UInt64
  ) throws(LogStorageError) -> [Entry] {
    guard lo > dummyIndex else { throw .compacted }
    guard hi <= lastIndex() + 1, lo <= hi, log.count > 1 else { throw .unavailable }
    let range = log[Int(lo - dummyIndex)..<Int(hi - dummyIndex)]
    return Array(range.prefix(EntryLimits.prefixCount(of: range, maxSize: maxSize)))
  }

  package func term(at index: UInt64) throws(LogStorageError) -> UInt64 {
    guard index >= dummyIndex else { throw .compacted }
    guard index - dummyIndex < UInt64(log.count) else { throw .unavailable }
    return log[Int(index - dummyIndex)].term
  }

  package func firstIndex() -> UInt64 { dummyIndex + 1 }

  package func lastIndex() -> UInt64 { dummyIndex + UInt64(log.count) - 1 }

  package func snapshot() throws(LogStorageError) -> Snapshot { storedSnapshot }

  /// Replaces the log by `snapshot`. Throws `snapshotOutOfDate` unless it is newer than the present one.
  package func applySnapshot(_ snapshot: Snapshot) throws(LogStorageError) {
    let existing = storedSnapshot.metadata.index
    guard existing == 0 || existing < snapshot.metadata.index else { throw .snapshotOutOfDate }
    storedSnapshot = snapshot
    log = [Entry(term: snapshot.metadata.term, index: snapshot.metadata.index)]
  }

  /// Records a snapshot of the state at `index` without changing the log.
  ///
  /// - Parameter confState: the membership at `index`; nil keeps the present one.
  @discardableResult
  package func createSnapshot(
    at index: UInt64, confState: ConfState? = nil, data: [UInt8] = []
  ) throws(LogStorageError) -> Snapshot {
    guard index > storedSnapshot.metadata.index else { throw .snapshotOutOfDate }
    let term = try term(at: index)
    storedSnapshot.metadata.index = index
    storedSnapshot.metadata.term = term
    if let confState { storedSnapshot.metadata.confState = confState }
    storedSnapshot.data = data
    return storedSnapshot
  }

  /// Drops all entries up to `index`.
  package func compact(to index: UInt64) throws(LogStorageError) {
    guard index > dummyIndex else { throw .compacted }
    guard index <= lastIndex() else { throw .unavailable }
    let offset = Int(index - dummyIndex)
    let dummy = Entry(term: log[offset].term, index: log[offset].index)
    log.replaceSubrange(0...offset, with: CollectionOfOne(dummy))
  }

  /// Appends entries and drops those from the index of the first on. Compacted entries are skipped. Throws
  /// `failed` on a gap.
  package func append(_ entries: [Entry]) throws(LogStorageError) {
    guard let head = entries.first, let tail = entries.last, tail.index >= firstIndex() else {
      return
    }
    let fresh =
      head.index < firstIndex() ? entries[Int(firstIndex() - head.index)...] : entries[...]
    let offset = fresh[fresh.startIndex].index - dummyIndex
    guard offset <= UInt64(log.count) else {
      throw .failed("missing log entry [last: \(lastIndex()), append at: \(head.index)]")
    }
    log.removeSubrange(Int(offset)...)
    log.append(contentsOf: fresh)
  }
}
