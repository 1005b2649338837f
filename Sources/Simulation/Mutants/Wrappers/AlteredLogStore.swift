import Raft
package import RaftLog
package import Runtime

/// A raft-log store that writes other operations than it is given.
///
/// Safety of `@unchecked Sendable`: belongs to the one thread of its scheduler.
package final class AlteredLogStore: ForwardingLogStore, @unchecked Sendable {
  private let alter: (LogBatch.Operation, any RaftLogStore) -> [LogBatch.Operation]

  /// - Parameter alter: what is written instead of an operation.
  init(
    _ base: any RaftLogStore,
    _ alter: @escaping (LogBatch.Operation, any RaftLogStore) -> [LogBatch.Operation]
  ) {
    self.alter = alter
    super.init(base)
  }

  package override func write(
    _ batch: LogBatch, _ durability: Durability
  ) throws(LogStoreError) -> LogReceipt {
    var altered = LogBatch()
    for operation in batch.operations {
      for other in alter(operation, base) { altered.add(other) }
    }
    return try base.write(altered, durability)
  }
}

extension LogBatch {
  mutating func add(_ operation: Operation) {
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
}

/// A raft-log store that says of everything that it is durable, and makes nothing so.
///
/// Safety of `@unchecked Sendable`: belongs to the one thread of its scheduler.
final class LazyLogStore: ForwardingLogStore, @unchecked Sendable {
  override func write(
    _ batch: LogBatch, _ durability: Durability
  ) throws(LogStoreError) -> LogReceipt {
    let receipt = try base.write(batch, .buffered)
    return LogReceipt(lsn: receipt.lsn, durableLSN: receipt.lsn, bytes: receipt.bytes)
  }

  override func sync() throws(LogStoreError) -> UInt64 { .max }
}
