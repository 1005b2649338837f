import Raft
import RaftLog
import Runtime
import SimulationKit

/// A raft-log store that writes other operations than it is given.
final class AlteredLogStore: ForwardingLogStore {
  typealias Alter = (LogBatch.Operation, any RaftLogStore) -> [LogBatch.Operation]

  let base: any RaftLogStore
  private let alter: ThreadBound<Alter>

  /// - Parameter alter: what is written instead of an operation.
  init(_ base: any RaftLogStore, _ alter: @escaping Alter) {
    self.base = base
    self.alter = ThreadBound(alter)
  }

  func write(
    _ batch: LogBatch, _ durability: Durability
  ) throws(LogStoreError) -> LogReceipt {
    var altered = LogBatch()
    for operation in batch.operations {
      for other in alter.value(operation, base) { altered.add(other) }
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

/// A raft-log store that reports every write as durable and syncs none.
final class UnsyncedLogStore: ForwardingLogStore {
  let base: any RaftLogStore

  init(_ base: any RaftLogStore) {
    self.base = base
  }

  func write(
    _ batch: LogBatch, _ durability: Durability
  ) throws(LogStoreError) -> LogReceipt {
    let receipt = try base.write(batch, .buffered)
    return LogReceipt(lsn: receipt.lsn, durableLSN: receipt.lsn, bytes: receipt.bytes)
  }

  func sync() throws(LogStoreError) -> UInt64 { .max }
}
