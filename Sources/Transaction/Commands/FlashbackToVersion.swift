package import Codec
package import Engine

/// Brings a range back to what it was at a timestamp, by new versions of all keys that were changed since. Nothing else
/// may read or write the range meanwhile; the caller sees to that.
///
/// The steps, each of which may be repeated: `findLocks` and `rollBack` until no lock is left; `prepare`, which locks one
/// key as the mark of a flashback that is not finished; `findKeys` and `write` until no key is left; `commit` of the
/// mark.
package struct FlashbackToVersion: Sendable, Hashable {
  /// Encoded keys.
  package var range: KeyRange
  /// The range becomes what it was then.
  package var version: Timestamp
  package var startTS: Timestamp

  package init(range: KeyRange, version: Timestamp, startTS: Timestamp) {
    self.range = range
    self.version = version
    self.startTS = startTS
  }

  /// How many keys are looked for with one command.
  package static let batchSize = 256

  // MARK: Locks

  /// The first locks in the range, other than the mark.
  package func findLocks(
    _ snapshot: any KVReader
  ) throws(TransactionError) -> [MVCCKey] {
    try MVCCReader(snapshot, fillCache: false)
      .locks(in: range, limit: Self.batchSize) { $0.startTS != startTS }.map(\.key)
  }

  /// Rolls back what is locked of these keys.
  package func rollBack(
    _ snapshot: any KVReader, _ keys: [MVCCKey]
  ) throws(TransactionError) -> CommandOutput<Void> {
    let reader = MVCCReader(snapshot, keys: keys)
    var transaction = MVCCTransaction()
    for key in keys {
      guard let lock = try reader.lock(key), lock.startTS != startTS else { continue }
      try transaction.rollBack(lock, on: key, collapses: true, reader)
    }
    return CommandOutput(transaction.changes, ())
  }

  // MARK: The mark

  /// The first key that has to be written: the mark. Nil if there is none.
  package func findMark(_ snapshot: any KVReader) throws(TransactionError) -> MVCCKey? {
    try findKeys(snapshot, in: range, before: nil, limit: 1).first
  }

  /// Locks the mark.
  package func prepare(
    _ snapshot: any KVReader, _ mark: MVCCKey
  ) throws(TransactionError) -> CommandOutput<Void> {
    let reader = MVCCReader(snapshot, keys: [mark])
    var transaction = MVCCTransaction()
    if let lock = try reader.lock(mark) {
      guard lock.startTS == startTS else {
        throw .locked([LockInfo(key: mark.user, lock: lock)])
      }
      return CommandOutput(transaction.changes, ())
    }
    let old = try reader.put(mark, at: version, fence: nil)
    // As in TiKV, the primary is an encoded key.
    var lock = Lock(
      old == nil ? .delete : .put, primary: mark.encoded, startTS: startTS, txnSize: 1)
    lock.shortValue = old?.record.shortValue
    if let old, old.record.shortValue == nil {
      transaction.put(mark, value: try reader.value(old.record, of: mark), startTS: startTS)
    }
    transaction.put(mark, lock, isNew: true)
    return CommandOutput(transaction.changes, ())
  }

  /// Commits the mark, which ends the flashback.
  package func commit(
    _ snapshot: any KVReader, _ mark: MVCCKey, at commitTS: Timestamp
  ) throws(TransactionError) -> CommandOutput<Void> {
    guard commitTS > startTS else {
      throw .invalidTimestampOrder(startTS: startTS, commitTS: commitTS)
    }
    let reader = MVCCReader(snapshot, keys: [mark])
    var transaction = MVCCTransaction()
    do throws(TransactionError) {
      try transaction.commit(mark, startTS, at: commitTS, reader)
    } catch {
      guard case .lockNotFound = error else { throw error }
      throw .flashbackNotPrepared(startTS: startTS)
    }
    return CommandOutput(transaction.changes, ())
  }

  // MARK: Versions

  /// The first keys to write: those with a record after `version` and none at or after `commitTS`.
  ///
  /// - Parameters:
  ///   - range: encoded keys: those that were not visited yet.
  ///   - mark: left out.
  package func findKeys(
    _ snapshot: any KVReader, in range: KeyRange, commitTS: Timestamp, except mark: MVCCKey?
  ) throws(TransactionError) -> [MVCCKey] {
    try findKeys(snapshot, in: range, before: commitTS, limit: Self.batchSize)
      .filter { $0 != mark }
  }

  private func findKeys(
    _ snapshot: any KVReader, in range: KeyRange, before commitTS: Timestamp?, limit: Int
  ) throws(TransactionError) -> [MVCCKey] {
    let versions = try MVCCReader(snapshot, range: range, fillCache: false).versionCursor()
    var keys: [MVCCKey] = []
    var isAtKey = try versions.enterFirst()
    while isAtKey, keys.count < limit {
      if let newest = try versions.commitTS(), newest > version,
        commitTS.map({ newest < $0 }) ?? true
      {
        keys.append(try MVCCKey(lock: versions.key))
      }
      isAtKey = try versions.enterNext()
    }
    return keys
  }

  /// Writes what the keys were at `version`, committed at `commitTS`. A key that had no value is deleted.
  package func write(
    _ snapshot: any KVReader, _ keys: [MVCCKey], commitTS: Timestamp
  ) throws(TransactionError) -> CommandOutput<Void> {
    let reader = MVCCReader(snapshot, keys: keys)
    var transaction = MVCCTransaction()
    for key in keys {
      guard let newest = try reader.record(key, at: .max), newest.commitTS > version,
        newest.commitTS < commitTS
      else { continue }
      let old = try reader.put(key, at: version, fence: nil)
      guard let old else {
        transaction.put(key, WriteRecord(.delete, startTS: startTS), at: commitTS)
        continue
      }
      if old.record.shortValue == nil {
        transaction.put(key, value: try reader.value(old.record, of: key), startTS: startTS)
      }
      transaction.put(
        key, WriteRecord(.put, startTS: startTS, shortValue: old.record.shortValue), at: commitTS)
    }
    return CommandOutput(transaction.changes, ())
  }
}
