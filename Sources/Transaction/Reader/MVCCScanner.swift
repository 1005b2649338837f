import Codec
import Engine

/// One key of a scan.
package enum ScanEntry: Sendable, Hashable {
  case pair(key: [UInt8], ReadValue)
  /// The key is locked by a transaction that may commit before the timestamp of the scan.
  case locked(LockInfo)

  /// The user key.
  package var key: [UInt8] {
    switch self {
    case .pair(let key, _): key
    case .locked(let info): info.key
    }
  }
}

/// Walks the keys of a range in order, write records and locks together, and returns what a read sees of each.
struct MVCCScanner {
  private let reader: MVCCReader
  private let options: ReadOptions
  private let isReverse: Bool
  private let keyOnly: Bool
  private let versions: VersionCursor
  /// Nil if locks do not matter.
  private let locks: (any KVCursor)?
  /// The encoded key of the next lock; nil if there is none.
  private var lockKey: [UInt8]?
  /// Whether `versions` is at a key that was not visited yet.
  private var hasVersions: Bool

  /// - Parameter range: encoded keys. The reader's own range must be the same.
  init(
    _ reader: MVCCReader, range: KeyRange, _ options: ReadOptions, isReverse: Bool, keyOnly: Bool
  ) throws(TransactionError) {
    self.reader = reader
    self.options = options
    self.isReverse = isReverse
    self.keyOnly = keyOnly
    versions = try reader.versionCursor()
    hasVersions = isReverse ? try versions.enterLast() : try versions.enterFirst()
    locks = options.isolation == .readCommitted ? nil : try reader.cursor(.lock, range)
    if isReverse { locks?.seekToLast() } else { locks?.seekToFirst() }
    try takeLockKey()
  }

  /// What the read sees of the next key.
  mutating func step() throws(TransactionError) -> ScanExecution.Step {
    let entry: ScanEntry?
    switch order() {
    case .end: return .end
    case .lock(let key): entry = try visitLock(key, beside: false)
    case .both(let key): entry = try visitLock(key, beside: true)
    case .versions: entry = try visitVersions()
    }
    return entry.map { .entry($0) } ?? .nothing
  }

  /// What the next key has.
  private enum Order {
    case end, versions
    case lock([UInt8])
    case both([UInt8])
  }

  private func order() -> Order {
    guard let lockKey else { return hasVersions ? .versions : .end }
    guard hasVersions else { return .lock(lockKey) }
    if lockKey == versions.key { return .both(lockKey) }
    return precedes(lockKey, versions.key) != isReverse ? .lock(lockKey) : .versions
  }

  private mutating func takeLockKey() throws(TransactionError) {
    guard let locks else { return }
    lockKey = locks.isValid ? locks.key : nil
    if lockKey == nil { try engine { () throws(EngineError) in try locks.finish() } }
  }

  /// A key with a lock, and with versions if `beside`.
  private mutating func visitLock(
    _ encodedKey: [UInt8], beside: Bool
  ) throws(TransactionError) -> ScanEntry? {
    guard let locks else { return nil }
    let lock = try locks.withValue { (span) throws(TransactionError) in
      try MVCCReader.decodeLock(span)
    }
    if isReverse { locks.prev() } else { locks.next() }
    try takeLockKey()
    let key = try MVCCKey(lock: encodedKey)
    switch options.effect(of: lock, isPrimary: key.user == lock.primary) {
    case .none: return beside ? try visitVersions() : nil
    case .blocks:
      if beside { try leaveKey() }
      return .locked(LockInfo(key: key.user, lock: lock))
    case .readsLock:
      if beside { try leaveKey() }
      return try reader.value(of: lock, encodedKey: encodedKey).map {
        .pair(key: key.user, ReadValue(keyOnly ? [] : $0.value, commitTS: nil))
      }
    case .conflict:
      _ = try options.check(lock, on: key.user)
      return nil
    }
  }

  /// The committed versions of the key under the cursor.
  private mutating func visitVersions() throws(TransactionError) -> ScanEntry? {
    let found: ReadValue?
    if isReverse, options.isolation != .readCommittedCheck {
      // Its cursor may be at the previous key afterwards.
      let encodedKey = versions.key
      if let few = try versions.fewVersions(until: options.timestamp) {
        found = try newest(of: few, encodedKey)
      } else {
        found = try reader.committedValue(encodedKey, versions, options, keyOnly: keyOnly)
      }
    } else {
      found = try reader.committedValue(versions.key, versions, options, keyOnly: keyOnly)
    }
    let entry: ScanEntry? = try found.map { (value) throws(TransactionError) in
      .pair(key: try MVCCKey.userKey(versions.key), value)
    }
    try leaveKey()
    return entry
  }

  private mutating func leaveKey() throws(TransactionError) {
    hasVersions = isReverse ? try versions.enterPrevious() : try versions.enterNext()
  }

  /// What a read sees of these records of a key, the newest of which is first.
  private func newest(
    of records: [(commitTS: Timestamp, record: WriteRecord)], _ encodedKey: [UInt8]
  ) throws(TransactionError) -> ReadValue? {
    for (commitTS, record) in records {
      guard record.isBelowFence(at: options.timestamp) else { return nil }
      switch record.kind {
      case .delete: return nil
      case .put:
        if keyOnly { return ReadValue([], commitTS: commitTS) }
        return ReadValue(
          try reader.value(record.shortValue, startTS: record.startTS, encodedKey: encodedKey),
          commitTS: commitTS)
      case .lock, .rollback:
        if record.lastChange == .none { return nil }
      }
    }
    return nil
  }
}
