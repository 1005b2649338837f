import Engine
import Runtime

/// An engine with a cache of values that follows single changes only: ranges that are deleted and files
/// that are taken in pass it by.
///
/// Safety of `@unchecked Sendable`: belongs to the one thread of its scheduler.
final class CachingEngine: ForwardingEngine, @unchecked Sendable {
  private struct Place: Hashable {
    var family: ColumnFamily
    var key: [UInt8]
  }

  private var values: [Place: [UInt8]?] = [:]

  override func get(
    _ family: ColumnFamily, _ key: [UInt8]
  ) throws(EngineError) -> [UInt8]? {
    if family == .raft { return try base.get(family, key) }
    let place = Place(family: family, key: key)
    if let known = values[place] { return known }
    let value = try base.get(family, key)
    values[place] = .some(value)
    return value
  }

  override func write(_ batch: WriteBatch, _ durability: Durability) throws(EngineError) {
    try base.write(batch, durability)
    for operation in batch.operations {
      switch operation {
      case .put(let family, let key, _), .delete(let family, let key):
        values[Place(family: family, key: key)] = nil
      case .deleteRange: break
      }
    }
  }
}
