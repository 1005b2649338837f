import Codec
import Engine

/// PD's durable state, by key. After a failed write it is unknown what is on disk, so every later write is refused:
/// the process must end.
struct PDStorage {
  private let engine: any KVEngine
  /// What made the storage unusable.
  private(set) var failure: EngineError?
  /// Whether something was written that a crash may still lose.
  private(set) var hasUnsynced = false

  init(_ engine: any KVEngine) {
    self.engine = engine
  }

  mutating func write(_ batch: WriteBatch, synced: Bool = true) throws(PDError) {
    if let failure { throw PDError(failure) }
    do {
      try engine.write(batch, synced ? .synced : .buffered)
      hasUnsynced = !synced
    } catch {
      failure = error
      throw PDError(error)
    }
  }

  mutating func put(_ key: [UInt8], _ value: [UInt8]) throws(PDError) {
    var batch = WriteBatch()
    batch.put(.raft, key, value)
    try write(batch)
  }

  mutating func put(_ key: [UInt8], _ value: UInt64) throws(PDError) {
    try put(key, PDKeys.bigEndian(value))
  }

  /// Makes durable what was written without waiting for the disk.
  mutating func sync() throws(PDError) {
    if let failure { throw PDError(failure) }
    guard hasUnsynced else { return }
    do {
      try engine.sync()
      hasUnsynced = false
    } catch {
      failure = error
      throw PDError(error)
    }
  }

  func bytes(_ key: [UInt8]) throws(PDError) -> [UInt8]? {
    do {
      return try engine.get(.raft, key)
    } catch {
      throw PDError(error)
    }
  }

  func integer(_ key: [UInt8]) throws(PDError) -> UInt64? {
    guard let bytes = try bytes(key) else { return nil }
    guard let value = PDKeys.integer(bytes) else { throw damaged(key) }
    return value
  }

  /// All pairs under `prefix`, the prefix cut off.
  func scan(_ prefix: [UInt8]) throws(PDError) -> [(key: [UInt8], value: [UInt8])] {
    do {
      return try engine.scan(.raft, from: prefix, to: PDKeys.end(of: prefix)).map {
        (Array($0.key.dropFirst(prefix.count)), $0.value)
      }
    } catch {
      throw PDError(error)
    }
  }

  func damaged(_ key: [UInt8]) -> PDError {
    let text = key.reduce(into: "") { text, byte in
      text += (0x21...0x7E).contains(byte) ? String(UnicodeScalar(byte)) : "\\x" + [byte].hex
    }
    return PDError(
      .dataLoss,
      "the placement driver's state in \(engine.path) is damaged at key \(text); "
        + "restore the directory from a backup")
  }
}
