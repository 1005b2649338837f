package import Engine
package import Runtime

/// An engine that writes other changes than it is given.
///
/// Safety of `@unchecked Sendable`: belongs to the one thread of its scheduler.
package final class AlteredEngine: ForwardingEngine, @unchecked Sendable {
  package typealias Alter = ([WriteBatch.Operation]) -> [[WriteBatch.Operation]]

  private let alter: Alter

  /// - Parameter alter: the batches that are written, one after the other, instead of the one given.
  init(_ base: any KVEngine, _ alter: @escaping Alter) {
    self.alter = alter
    super.init(base)
  }

  /// An engine that drops the changes for which `drops` says so.
  convenience init(
    _ base: any KVEngine, dropping drops: @escaping (WriteBatch.Operation) -> Bool
  ) {
    self.init(base) { operations in [operations.filter { !drops($0) }] }
  }

  package override func write(_ batch: WriteBatch, _ durability: Durability) throws(EngineError) {
    for operations in alter(Array(batch.operations)) {
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

/// An engine that says of everything that it is durable, and makes nothing so.
///
/// Safety of `@unchecked Sendable`: belongs to the one thread of its scheduler.
final class LazyEngine: ForwardingEngine, @unchecked Sendable {
  override func write(_ batch: WriteBatch, _ durability: Durability) throws(EngineError) {
    try base.write(batch, .buffered)
  }

  override func sync() throws(EngineError) {}
  override func flush() throws(EngineError) {}
}

/// An engine whose views are those of the last time someone asked.
///
/// Safety of `@unchecked Sendable`: belongs to the one thread of its scheduler.
final class LaggingEngine: ForwardingEngine, @unchecked Sendable {
  private var last: (any KVSnapshot)?

  override func snapshot() -> any KVSnapshot {
    let view = base.snapshot()
    defer { last = view }
    return last ?? view
  }
}

/// An engine whose sorted files lack every tenth pair.
///
/// Safety of `@unchecked Sendable`: belongs to the one thread of its scheduler.
final class LossyFilesEngine: ForwardingEngine, @unchecked Sendable {
  override func makeSSTWriter(
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
