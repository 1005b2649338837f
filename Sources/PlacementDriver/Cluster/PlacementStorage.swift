import Codec
import Engine

/// The driver's durable state behind names. After a failed write nothing is known of what is on
/// disk, so every later write is refused: the process must end.
struct PlacementStorage {
  private let engine: any KVEngine
  /// What made the storage unusable.
  private(set) var failure: EngineError?
  /// Whether something was written that a crash may still lose.
  private(set) var hasUnsynced = false

  init(_ engine: any KVEngine) {
    self.engine = engine
  }

  mutating func write(_ batch: WriteBatch, synced: Bool = true) throws(PlacementError) {
    if let failure { throw PlacementError(failure) }
    do {
      try engine.write(batch, synced ? .synced : .buffered)
      hasUnsynced = !synced
    } catch {
      failure = error
      throw PlacementError(error)
    }
  }

  mutating func put(_ key: [UInt8], _ value: [UInt8]) throws(PlacementError) {
    var batch = WriteBatch()
    batch.put(.raft, key, value)
    try write(batch)
  }

  mutating func put(_ key: [UInt8], _ value: UInt64) throws(PlacementError) {
    try put(key, PlacementKeys.bigEndian(value))
  }

  /// Makes durable what was written without waiting for the disk.
  mutating func sync() throws(PlacementError) {
    if let failure { throw PlacementError(failure) }
    guard hasUnsynced else { return }
    do {
      try engine.sync()
      hasUnsynced = false
    } catch {
      failure = error
      throw PlacementError(error)
    }
  }

  func bytes(_ key: [UInt8]) throws(PlacementError) -> [UInt8]? {
    do {
      return try engine.get(.raft, key)
    } catch {
      throw PlacementError(error)
    }
  }

  func integer(_ key: [UInt8]) throws(PlacementError) -> UInt64? {
    guard let bytes = try bytes(key) else { return nil }
    guard let value = PlacementKeys.integer(bytes) else { throw damaged(key) }
    return value
  }

  /// All pairs under `prefix`, the prefix cut off.
  func scan(_ prefix: [UInt8]) throws(PlacementError) -> [(key: [UInt8], value: [UInt8])] {
    do {
      return try engine.scan(.raft, from: prefix, to: PlacementKeys.end(of: prefix)).map {
        (Array($0.key.dropFirst(prefix.count)), $0.value)
      }
    } catch {
      throw PlacementError(error)
    }
  }

  func damaged(_ key: [UInt8]) -> PlacementError {
    let text = key.reduce(into: "") { text, byte in
      text += (0x21...0x7E).contains(byte) ? String(UnicodeScalar(byte)) : "\\x" + [byte].hex
    }
    return PlacementError(
      .dataLoss,
      "the placement driver's state in \(engine.path) is damaged at key \(text); "
        + "restore the directory from a backup")
  }
}
