import Engine
import Runtime
import SimulationKit

/// An engine with a cache of values that follows single changes only: it misses deleted ranges and ingested
/// files.
final class CachingEngine: ForwardingEngine {
  private struct Location: Hashable {
    var family: ColumnFamily
    var key: [UInt8]
  }

  let base: any KVEngine
  private let values = ThreadBound<[Location: [UInt8]?]>([:])

  init(_ base: any KVEngine) {
    self.base = base
  }

  func get(
    _ family: ColumnFamily, _ key: [UInt8]
  ) throws(EngineError) -> [UInt8]? {
    if family == .raft { return try base.get(family, key) }
    let location = Location(family: family, key: key)
    if let known = values.value[location] { return known }
    let value = try base.get(family, key)
    values.value[location] = .some(value)
    return value
  }

  func write(_ batch: WriteBatch, _ durability: Durability) throws(EngineError) {
    try base.write(batch, durability)
    for operation in batch.operations {
      switch operation {
      case .put(let family, let key, _), .delete(let family, let key):
        values.value[Location(family: family, key: key)] = nil
      case .deleteRange: break
      }
    }
  }
}
