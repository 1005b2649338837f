package import Raft

/// Changes to the logs of many regions, written together by a `RaftLogStore`.
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

  package private(set) var operations: [Operation] = []
  /// About the bytes the batch will take in a store's log.
  package private(set) var byteSize = 0

  package init() {}

  package var isEmpty: Bool { operations.isEmpty }

  /// Removes all changes; by default memory is kept for the next ones.
  package mutating func removeAll(keepingCapacity: Bool = true) {
    operations.removeAll(keepingCapacity: keepingCapacity)
    byteSize = 0
  }

  /// Entries of consecutive index and never falling term. What is at or below the log's start is
  /// dropped; what follows replaces everything from its first index on, a longer old tail
  /// included. No entries: nothing, not even a barrier.
  package mutating func append(_ region: UInt64, _ entries: [Entry]) {
    guard !entries.isEmpty else { return }
    operations.append(.append(region: region, entries))
    byteSize += entries.reduce(into: 32) { $0 += $1.data.count + 56 }
  }

  /// Sets the region's term, vote and commit index; of several the last one counts.
  package mutating func setHardState(_ region: UInt64, _ state: HardState) {
    operations.append(.setHardState(region: region, state))
    byteSize += 64
  }

  /// The log starts after `index` from now on; `term` is that index's. At or below the present
  /// start this does nothing.
  package mutating func compact(_ region: UInt64, to index: UInt64, term: UInt64) {
    operations.append(.compact(region: region, index: index, term: term))
    byteSize += 64
  }

  /// A snapshot takes the log's place: it becomes empty and starts after `index`. The commit index
  /// of `hardState` is raised to `index` where it is lower.
  package mutating func reset(
    _ region: UInt64, index: UInt64, term: UInt64, hardState: HardState
  ) {
    operations.append(.reset(region: region, index: index, term: term, hardState))
    byteSize += 96
  }

  /// A value of the owner's, kept beside the region's log.
  package mutating func put(_ region: UInt64, key: [UInt8], value: [UInt8]) {
    operations.append(.put(region: region, key: key, value: value))
    byteSize += key.count + value.count + 24
  }

  package mutating func delete(_ region: UInt64, key: [UInt8]) {
    operations.append(.delete(region: region, key: key))
    byteSize += key.count + 24
  }

  /// Everything of the region goes. A tombstone stays readable until the region is written to
  /// again; the id may be reused and starts fresh.
  package mutating func destroy(_ region: UInt64, tombstone: [UInt8]? = nil) {
    operations.append(.destroy(region: region, tombstone: tombstone))
    byteSize += 64 + (tombstone?.count ?? 0)
  }

  /// The same operations in batches to be written one after the other, each of about `limit` bytes at most;
  /// more only where one entry or value is larger. Runs of entries are divided.
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
        let room = limit - piece.byteSize
        var size = 32
        let count = rest.prefix { entry in
          size += entry.data.count + 56
          return size <= room
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

  /// Adds the other batch's operations after this one's.
  package mutating func merge(_ other: LogBatch) {
    operations.append(contentsOf: other.operations)
    byteSize += other.byteSize
  }
}
