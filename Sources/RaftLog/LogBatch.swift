package import Raft

/// Changes to the logs of many regions, written together by a `RaftLogStore`. Each function adds one operation;
/// `RaftLogStore.write` checks them.
package struct LogBatch: Sendable {
  /// One change. Operations of a batch take effect in the order in which they were added.
  package enum Operation: Sendable {
    case append(region: UInt64, [Entry])
    case setHardState(region: UInt64, HardState)
    case compact(region: UInt64, index: UInt64, term: UInt64)
    case reset(region: UInt64, index: UInt64, term: UInt64, HardState)
    case put(region: UInt64, key: [UInt8], value: [UInt8])
    case delete(region: UInt64, key: [UInt8])
    case destroy(region: UInt64, tombstone: [UInt8]?)

    package var region: UInt64 {
      switch self {
      case .append(let region, _), .setHardState(let region, _), .compact(let region, _, _),
        .reset(let region, _, _, _), .put(let region, _, _), .delete(let region, _),
        .destroy(let region, _):
        region
      }
    }
  }

  /// In the order in which they were added.
  package private(set) var operations: [Operation] = []
  /// About the bytes that the batch takes in the log of a store.
  package private(set) var byteSize = 0

  package init() {}

  package var isEmpty: Bool { operations.isEmpty }

  /// Removes all operations. By default the memory is kept for the next ones.
  package mutating func removeAll(keepingCapacity: Bool = true) {
    operations.removeAll(keepingCapacity: keepingCapacity)
    byteSize = 0
  }

  /// Appends entries with consecutive indexes and terms that do not decrease.
  ///
  /// Entries at or below the truncated index are skipped. The others replace everything from the index of their
  /// first on, also where the old tail is longer. The first may be at most one above the last index. An empty
  /// array adds no operation.
  package mutating func append(_ region: UInt64, _ entries: [Entry]) {
    guard !entries.isEmpty else { return }
    operations.append(.append(region: region, entries))
    byteSize += entries.reduce(into: 32) { $0 += $1.data.count + 56 }
  }

  /// Sets term, vote and commit index of the region. The term must not decrease, a vote of the same term must not
  /// change, and after the batch the commit index must not be above the last index. The last of several counts.
  package mutating func setHardState(_ region: UInt64, _ state: HardState) {
    operations.append(.setHardState(region: region, state))
    byteSize += 64
  }

  /// Truncates the log up to `index`, whose entry has `term`. Without effect at or below the truncated index. At
  /// most the last index.
  package mutating func compact(_ region: UInt64, to index: UInt64, term: UInt64) {
    operations.append(.compact(region: region, index: index, term: term))
    byteSize += 64
  }

  /// Replaces the log by a snapshot at `index`: it becomes empty and is truncated up to there. The commit index of
  /// `hardState` is raised to `index` if it is lower. `index` must be above the truncated index.
  package mutating func reset(
    _ region: UInt64, index: UInt64, term: UInt64, hardState: HardState
  ) {
    operations.append(.reset(region: region, index: index, term: term, hardState))
    byteSize += 96
  }

  /// Stores a value of the owner with the region's log. A key has at most 4096 bytes.
  package mutating func put(_ region: UInt64, key: [UInt8], value: [UInt8]) {
    operations.append(.put(region: region, key: key, value: value))
    byteSize += key.count + value.count + 24
  }

  /// Deletes a value of the owner. Without effect if there is none.
  package mutating func delete(_ region: UInt64, key: [UInt8]) {
    operations.append(.delete(region: region, key: key))
    byteSize += key.count + 24
  }

  /// Deletes everything of the region.
  ///
  /// - Parameter tombstone: a value that is readable until the region is written to again; nil: none. A region of
  ///   the same id starts empty.
  package mutating func destroy(_ region: UInt64, tombstone: [UInt8]? = nil) {
    operations.append(.destroy(region: region, tombstone: tombstone))
    byteSize += 64 + (tombstone?.count ?? 0)
  }

  /// The same operations in several batches of about `limit` bytes, to be written in order. One is larger only if
  /// a single entry or value is. Appends are divided; the whole is no longer atomic.
  package func pieces(ofAbout limit: Int) -> [LogBatch] {
    if byteSize <= limit { return [self] }
    var pieces: [LogBatch] = []
    var piece = LogBatch()
    func close() {
      if !piece.isEmpty { pieces.append(piece) }
      piece = LogBatch()
    }
    for operation in operations {
      guard case .append(let region, let entries) = operation else {
        piece.add(operation)
        if piece.byteSize >= limit { close() }
        continue
      }
      var rest = entries[...]
      while !rest.isEmpty {
        let left = limit - piece.byteSize
        var size = 32
        let count = rest.prefix { entry in
          size += entry.data.count + 56
          return size <= left
        }.count
        if count == 0 && !piece.isEmpty {
          close()
          continue
        }
        piece.append(region, Array(rest.prefix(max(1, count))))
        rest = rest.dropFirst(max(1, count))
        if piece.byteSize >= limit { close() }
      }
    }
    close()
    return pieces
  }

  private mutating func add(_ operation: Operation) {
    switch operation {
    case .append(let region, let entries): append(region, entries)
    case .setHardState(let region, let state): setHardState(region, state)
    case .compact(let region, let index, let term): compact(region, to: index, term: term)
    case .reset(let region, let index, let term, let state):
      reset(region, index: index, term: term, hardState: state)
    case .put(let region, let key, let value): put(region, key: key, value: value)
    case .delete(let region, let key): delete(region, key: key)
    case .destroy(let region, let tombstone): destroy(region, tombstone: tombstone)
    }
  }

  /// Adds the operations of `other` after those of this batch.
  package mutating func merge(_ other: LogBatch) {
    operations.append(contentsOf: other.operations)
    byteSize += other.byteSize
  }
}
