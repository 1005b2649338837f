package import Codec
package import Engine
import Protobuf

/// Reads locks, records and values of one snapshot. For one command and one thread.
package final class MVCCReader {
  let snapshot: any KVReader
  /// Bounds of the cursors: no record outside of them is looked at.
  private let range: KeyRange
  private let fillCache: Bool
  private var versions: VersionCursor?
  /// Whether it is known that the range has no write records.
  private var hasNoRecords = false

  /// - Parameters:
  ///   - range: the encoded keys that will be read. It bounds how far a cursor looks, so make it small.
  ///   - fillCache: false for long scans, whose blocks should not replace others in the cache.
  package init(_ snapshot: any KVReader, range: KeyRange = .all, fillCache: Bool = true) {
    self.snapshot = snapshot
    self.range = range
    self.fillCache = fillCache
  }

  /// A reader of these keys.
  convenience init(_ snapshot: any KVReader, keys: [MVCCKey]) {
    var first: [UInt8] = []
    var last: [UInt8] = []
    for (index, key) in keys.enumerated() {
      if index == 0 || precedes(key.encoded, first) { first = key.encoded }
      if index == 0 || precedes(last, key.encoded) { last = key.encoded }
    }
    let end = keys.isEmpty ? [] : MVCCKey.afterVersions(of: last)
    self.init(snapshot, range: KeyRange(start: first, end: end))
  }

  // MARK: Locks

  /// The lock on a key; nil if there is none.
  package func lock(_ key: MVCCKey) throws(TransactionError) -> Lock? {
    let value = try engine { () throws(EngineError) in try snapshot.get(.lock, key.encoded) }
    guard let value else { return nil }
    return try Self.decodeLock(value.span.bytes)
  }

  static func decodeLock(_ value: RawSpan) throws(TransactionError) -> Lock {
    do throws(CodecError) { return try Lock(decoding: value) } catch { throw .corrupted(error) }
  }

  /// Locks in key order, from the first in `range`.
  ///
  /// - Parameters:
  ///   - limit: the most locks that are returned.
  ///   - isWanted: a lock for which it is false is passed over.
  package func locks(
    in range: KeyRange, limit: Int, where isWanted: (Lock) -> Bool
  ) throws(TransactionError) -> [(key: MVCCKey, lock: Lock)] {
    var found: [(key: MVCCKey, lock: Lock)] = []
    let cursor = try cursor(.lock, range)
    cursor.seekToFirst()
    while cursor.isValid, found.count < limit {
      let lock = try cursor.withValue { (span) throws(TransactionError) in
        try Self.decodeLock(span)
      }
      if isWanted(lock) { found.append((try MVCCKey(lock: cursor.key), lock)) }
      cursor.next()
    }
    if !cursor.isValid { try engine { () throws(EngineError) in try cursor.finish() } }
    return found
  }

  func cursor(
    _ family: ColumnFamily, _ range: KeyRange
  ) throws(TransactionError) -> any KVCursor {
    try engine { () throws(EngineError) in
      try snapshot.cursor(
        family, from: range.start.isEmpty ? nil : range.start,
        to: range.end.isEmpty ? nil : range.end, fillCache: fillCache)
    }
  }

  // MARK: Records

  func versionCursor() throws(TransactionError) -> VersionCursor {
    if let versions { return versions }
    let cursor = VersionCursor(try cursor(.write, range))
    versions = cursor
    return cursor
  }

  /// Looks once whether the range has write records at all. If it has none, later reads of records do nothing.
  func probeRecords() throws(TransactionError) {
    hasNoRecords = try !versionCursor().enterFirst()
  }

  /// The newest record of a key at or before `timestamp`.
  package func record(
    _ key: MVCCKey, at timestamp: Timestamp
  ) throws(TransactionError) -> (commitTS: Timestamp, record: WriteRecord)? {
    if hasNoRecords { return nil }
    let versions = try versionCursor()
    guard let commitTS = try versions.seek(key.encoded, timestamp) else { return nil }
    return (commitTS, try versions.record())
  }

  /// The newest put at or before `timestamp`, unless a delete is newer.
  ///
  /// - Parameter fence: fences are judged for a read at this timestamp; nil: not at all.
  package func put(
    _ key: MVCCKey, at timestamp: Timestamp, fence: Timestamp?
  ) throws(TransactionError) -> (commitTS: Timestamp, record: WriteRecord)? {
    if hasNoRecords { return nil }
    return try put(key.encoded, try versionCursor(), at: timestamp, fence: fence)?.found
  }

  /// A put and the number of records that were passed to reach it.
  typealias Passed = (found: (commitTS: Timestamp, record: WriteRecord), steps: UInt64)

  /// As `put` for the encoded key, with the number of records above it. Where a record names its last change and that is
  /// far, the records in between are not visited; their number is then the estimate in the record.
  func put(
    _ key: [UInt8], _ versions: VersionCursor, at timestamp: Timestamp, fence: Timestamp?
  ) throws(TransactionError) -> Passed? {
    var steps: UInt64 = 0
    var next = try versions.seek(key, timestamp)
    while let commitTS = next {
      let record = try versions.record()
      if let fence, !record.isBelowFence(at: fence) { return nil }
      switch record.kind {
      case .put: return ((commitTS, record), steps)
      case .delete: return nil
      case .lock, .rollback: break
      }
      if record.lastChange == .none || commitTS == .zero { return nil }
      if case .at(let changeTS, let count) = record.lastChange, changeTS < commitTS,
        count >= VersionCursor.nearSteps
      {
        steps = steps.addingReportingOverflow(count).partialValue
        next = try versions.descend(to: changeTS)
      } else {
        steps += 1
        next = try versions.descend(to: Timestamp(commitTS.value - 1))
      }
    }
    return nil
  }

  /// The last change of a lock above a record.
  func lastChange(
    above record: WriteRecord, at commitTS: Timestamp, of key: MVCCKey
  ) throws(TransactionError) -> LastChange {
    if record.kind.isData { return .at(commitTS: commitTS, versions: 1) }
    if record.lastChange != .unknown { return record.lastChange.next }
    guard let put = try put(key.encoded, try versionCursor(), at: commitTS, fence: nil) else {
      return .none
    }
    return .at(commitTS: put.found.commitTS, versions: put.steps &+ 1)
  }

  /// Throws if a key has a value.
  ///
  /// - Parameters:
  ///   - record: the newest record of the key that counts.
  ///   - startTS: fences are judged for a read at this timestamp.
  func checkNotExists(
    _ key: MVCCKey, _ record: WriteRecord, at commitTS: Timestamp, startTS: Timestamp
  ) throws(TransactionError) {
    var existing: WriteRecord?
    switch record.kind {
    case _ where record.isFenced: return
    case .delete: return
    case .put: existing = record
    case .lock, .rollback:
      if commitTS == .zero { return }
      existing =
        try put(key, at: Timestamp(commitTS.value - 1), fence: startTS)?.record
    }
    if let existing {
      throw .alreadyExists(key: key.user, existingStartTS: existing.startTS)
    }
  }

  /// The value of a put.
  package func value(
    _ record: WriteRecord, of key: MVCCKey
  ) throws(TransactionError) -> [UInt8] {
    try value(record.shortValue, startTS: record.startTS, encodedKey: key.encoded)
  }

  /// A value that may be stored in the family `default`.
  func value(
    _ shortValue: [UInt8]?, startTS: Timestamp, encodedKey: [UInt8]
  ) throws(TransactionError) -> [UInt8] {
    if let shortValue { return shortValue }
    let stored = try engine { () throws(EngineError) in
      try snapshot.get(.default, MVCCKey.version(encodedKey, startTS))
    }
    guard let stored else {
      throw .valueMissing(key: try MVCCKey.userKey(encodedKey), startTS: startTS)
    }
    return stored
  }

  // MARK: The fate of a transaction

  /// What the records of a key say about a transaction.
  package enum Fate: Sendable, Hashable {
    case committed(commitTS: Timestamp)
    /// It has a rollback record, or an overlapped rollback in another transaction's record.
    case rolledBack
    /// Nothing. `overlapped` is the record of another transaction whose commit timestamp is the start timestamp, so that
    /// a rollback has to be added to it.
    case unknown(overlapped: OverlappedRecord?)
  }

  /// A record to which a rollback has to be added.
  package struct OverlappedRecord: Sendable, Hashable {
    package var record: WriteRecord
    /// The commit timestamp of the next newer put or delete; zero if there is none.
    package var fence: Timestamp
  }

  /// Looks for the transaction of `startTS` among the records of a key, from the newest down: a commit timestamp says
  /// nothing about where other transactions began.
  package func fate(
    of startTS: Timestamp, on key: MVCCKey
  ) throws(TransactionError) -> Fate {
    var fence = Timestamp.zero
    var at = Timestamp.max
    while let (commitTS, record) = try record(key, at: at), commitTS >= startTS {
      if record.startTS == startTS {
        return record.kind == .rollback ? .rolledBack : .committed(commitTS: commitTS)
      }
      if commitTS == startTS {
        if record.hasOverlappedRollback { return .rolledBack }
        return .unknown(overlapped: OverlappedRecord(record: record, fence: fence))
      }
      if record.kind.isData { fence = commitTS }
      at = Timestamp(commitTS.value - 1)
    }
    return .unknown(overlapped: nil)
  }
}
