import Codec
import Engine
import Protobuf

/// A cursor over write records that moves from version to version of one key at a time.
///
/// Versions that are near are reached by steps and others by a seek, so a read never visits all versions of a key. Keys
/// are compared in the engine's memory and not copied.
final class VersionCursor {
  /// How many records are stepped over at most before a seek.
  static let nearSteps = 8

  /// How many records are stepped over before a seek: fewer where the last seeks were needed anyway, as in a range whose
  /// keys have many versions.
  private struct Budget {
    private(set) var steps = VersionCursor.nearSteps

    mutating func adapt(needsSeek: Bool) {
      steps = needsSeek ? max(steps / 2, 1) : VersionCursor.nearSteps
    }
  }

  private let cursor: any KVCursor
  /// The encoded key of which versions are read. Empty: none yet.
  private(set) var key: [UInt8] = []
  /// The cursor is at the first record that is not before `key` at this timestamp.
  private var timestamp = Timestamp.zero
  private var versionBudget = Budget()
  private var keyBudget = Budget()

  init(_ cursor: any KVCursor) {
    self.cursor = cursor
  }

  // MARK: One key

  /// Moves to the newest version of `key` at or before `timestamp`. Returns its commit timestamp; nil if there is none.
  func seek(_ key: [UInt8], _ timestamp: Timestamp) throws(TransactionError) -> Timestamp? {
    if key == self.key, timestamp <= self.timestamp { return try descend(to: timestamp) }
    self.key = key
    return try seek(timestamp)
  }

  private func seek(_ timestamp: Timestamp) throws(TransactionError) -> Timestamp? {
    self.timestamp = timestamp
    cursor.seek(MVCCKey.version(key, timestamp))
    return try commitTS()
  }

  /// As `seek`, of the present key and at a timestamp that is not above the last one.
  func descend(to timestamp: Timestamp) throws(TransactionError) -> Timestamp? {
    self.timestamp = timestamp
    for _ in 0...versionBudget.steps {
      let commitTS = try commitTS()
      guard let commitTS, commitTS > timestamp else {
        versionBudget.adapt(needsSeek: false)
        return commitTS
      }
      cursor.next()
    }
    versionBudget.adapt(needsSeek: true)
    return try seek(timestamp)
  }

  /// The commit timestamp of the record under the cursor; nil if it is of another key or the cursor is at its end.
  func commitTS() throws(TransactionError) -> Timestamp? {
    guard cursor.isValid else {
      try engine { () throws(EngineError) in try cursor.finish() }
      return nil
    }
    let key = key
    return try cursor.withKey { (span) throws(TransactionError) in
      try span.withUnsafeBytes { (bytes) throws(TransactionError) -> Timestamp? in
        guard bytes.count >= key.count, key.withUnsafeBytes({ bytes.begins(with: $0) })
        else { return nil }
        guard bytes.count == key.count + MVCCKey.timestampSize else {
          throw .corrupted(CodecError(.malformed, "version of key \(key.hex)"))
        }
        let stored = bytes.loadUnaligned(fromByteOffset: key.count, as: UInt64.self)
        return Timestamp(~UInt64(bigEndian: stored))
      }
    }
  }

  /// The record under the cursor.
  func record() throws(TransactionError) -> WriteRecord {
    do throws(CodecError) {
      return try cursor.withValue { (span) throws(CodecError) in try WriteRecord(decoding: span) }
    } catch {
      throw .corrupted(error)
    }
  }

  // MARK: From key to key

  /// Moves to the newest version of the first key. False if there is none.
  func enterFirst() throws(TransactionError) -> Bool {
    cursor.seekToFirst()
    return try enter()
  }

  /// Moves to the newest version of the next key. False if there is none.
  func enterNext() throws(TransactionError) -> Bool {
    for _ in 0...keyBudget.steps {
      guard try commitTS() != nil else {
        keyBudget.adapt(needsSeek: false)
        return try enter()
      }
      cursor.next()
    }
    keyBudget.adapt(needsSeek: true)
    cursor.seek(MVCCKey.afterVersions(of: key))
    return try enter()
  }

  /// Makes the key under the cursor the present one.
  private func enter() throws(TransactionError) -> Bool {
    timestamp = .max
    return try takeKey()
  }

  /// Moves to the oldest version of the last key. False if there is none.
  func enterLast() throws(TransactionError) -> Bool {
    cursor.seekToLast()
    timestamp = .zero
    return try takeKey()
  }

  /// Moves to the oldest version of the previous key. False if there is none.
  func enterPrevious() throws(TransactionError) -> Bool {
    if !isBeforeKey() { cursor.seekForPrev(key) }
    timestamp = .zero
    return try takeKey()
  }

  /// The records of the present key at or before `limit`, the newest first, if few records lie between the cursor at the
  /// oldest one and the newest one of the key. Otherwise nil. The cursor is then anywhere in the key; with a result it
  /// may be at the previous key already.
  func fewVersions(
    until limit: Timestamp
  ) throws(TransactionError) -> [(commitTS: Timestamp, record: WriteRecord)]? {
    // Not the place of `seek` any more.
    timestamp = .zero
    var found: [(commitTS: Timestamp, record: WriteRecord)] = []
    for _ in 0..<Self.nearSteps {
      guard let commitTS = try commitTS() else { return found.reversed() }
      if commitTS <= limit { found.append((commitTS, try record())) }
      cursor.prev()
    }
    return try commitTS() == nil ? found.reversed() : nil
  }

  /// Whether the cursor is at a record of an earlier key.
  private func isBeforeKey() -> Bool {
    guard cursor.isValid else { return false }
    let key = key
    return cursor.withKey { span in span.withUnsafeBytes { $0.lexicographicallyPrecedes(key) } }
  }

  private func takeKey() throws(TransactionError) -> Bool {
    guard cursor.isValid else {
      try engine { () throws(EngineError) in try cursor.finish() }
      return false
    }
    try cursor.withKey { (span) throws(TransactionError) in
      try span.withUnsafeBytes { (bytes) throws(TransactionError) in
        let count = bytes.count - MVCCKey.timestampSize
        guard count > 0 else {
          throw .corrupted(CodecError(.truncated, "version key \(Array(bytes).hex)"))
        }
        key.removeAll(keepingCapacity: true)
        key.append(contentsOf: bytes[..<count])
      }
    }
    return true
  }
}

extension UnsafeRawBufferPointer {
  /// Whether the first bytes are those of `prefix`, which is not longer. Compares eight bytes at a time.
  fileprivate func begins(with prefix: UnsafeRawBufferPointer) -> Bool {
    var offset = 0
    while prefix.count - offset >= 8 {
      guard
        loadUnaligned(fromByteOffset: offset, as: UInt64.self)
          == prefix.loadUnaligned(fromByteOffset: offset, as: UInt64.self)
      else { return false }
      offset += 8
    }
    while offset < prefix.count {
      guard self[offset] == prefix[offset] else { return false }
      offset += 1
    }
    return true
  }
}
