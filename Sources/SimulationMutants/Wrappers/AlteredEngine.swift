import Engine
import Runtime
import SimulationKit

/// An engine that writes other changes than it is given.
final class AlteredEngine: ForwardingEngine {
  typealias Alter = ([WriteBatch.Operation]) -> [[WriteBatch.Operation]]

  let base: any KVEngine
  private let alter: ThreadBound<Alter>

  /// - Parameter alter: the batches that are written, one after the other, instead of the one given.
  init(_ base: any KVEngine, _ alter: @escaping Alter) {
    self.base = base
    self.alter = ThreadBound(alter)
  }

  /// An engine that drops the changes for which `drops` says so.
  convenience init(
    _ base: any KVEngine, dropping drops: @escaping (WriteBatch.Operation) -> Bool
  ) {
    self.init(base) { operations in [operations.filter { !drops($0) }] }
  }

  func write(_ batch: WriteBatch, _ durability: Durability) throws(EngineError) {
    for operations in alter.value(Array(batch.operations)) {
      var altered = WriteBatch()
      for operation in operations { altered.add(operation) }
      try base.write(altered, durability)
    }
  }
}

extension WriteBatch {
  fileprivate mutating func add(_ operation: Operation) {
    switch operation {
    case .put(let family, let key, let value): put(family, key, value)
    case .delete(let family, let key): delete(family, key)
    case .deleteRange(let family, let from, let to): deleteRange(family, from: from, to: to)
    }
  }
}

extension WriteBatch.Operation {
  var family: ColumnFamily {
    switch self {
    case .put(let family, _, _), .delete(let family, _), .deleteRange(let family, _, _): family
    }
  }
}

/// An engine that reports writes as durable without syncing them.
final class UnsyncedEngine: ForwardingEngine {
  let base: any KVEngine
  private let isAffected: ThreadBound<((WriteBatch) -> Bool)?>

  /// - Parameter isAffected: whether a batch is written without a sync; nil: all are, and nothing else is
  ///   synced either.
  init(_ base: any KVEngine, _ isAffected: ((WriteBatch) -> Bool)? = nil) {
    self.base = base
    self.isAffected = ThreadBound(isAffected)
  }

  func write(_ batch: WriteBatch, _ durability: Durability) throws(EngineError) {
    let loses = isAffected.value.map { $0(batch) } ?? true
    try base.write(batch, loses ? .buffered : durability)
  }

  func sync() throws(EngineError) {
    if isAffected.value != nil { try base.sync() }
  }

  func flush() throws(EngineError) {
    if isAffected.value != nil { try base.flush() }
  }
}

/// An engine whose snapshot is the one that the call before should have got.
final class StaleSnapshotEngine: ForwardingEngine {
  let base: any KVEngine
  private let last = ThreadBound<(any KVSnapshot)?>(nil)

  init(_ base: any KVEngine) {
    self.base = base
  }

  func snapshot() -> any KVSnapshot {
    let view = base.snapshot()
    defer { last.value = view }
    return last.value ?? view
  }
}

/// An engine whose sorted files lack every tenth pair.
final class LossyFilesEngine: ForwardingEngine {
  let base: any KVEngine

  init(_ base: any KVEngine) {
    self.base = base
  }

  func makeSSTWriter(
    _ path: String, for family: ColumnFamily
  ) throws(EngineError) -> any SSTWriter {
    LossyWriter(try base.makeSSTWriter(path, for: family))
  }
}

private final class LossyWriter: SSTWriter {
  private let base: any SSTWriter
  private var puts = 0

  init(_ base: any SSTWriter) {
    self.base = base
  }

  private var loses: Bool {
    puts += 1
    return puts % 10 == 0
  }

  func put(_ key: [UInt8], _ value: [UInt8]) throws(EngineError) {
    if !loses { try base.put(key, value) }
  }

  func put(_ key: RawSpan, _ value: RawSpan) throws(EngineError) {
    if !loses { try base.put(key, value) }
  }

  var count: UInt64 { base.count }
  var fileSize: UInt64 { base.fileSize }
  func finish() throws(EngineError) -> UInt64 { try base.finish() }
  func abandon() { base.abandon() }
}
