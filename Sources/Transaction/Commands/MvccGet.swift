package import Codec
package import Engine
import Protobuf

/// Everything that is stored of one key, for inspection.
package struct MVCCInfo: Sendable, Hashable {
  /// A write record.
  package struct Record: Sendable, Hashable {
    package var commitTS: Timestamp
    package var record: WriteRecord
  }

  /// A value in the family `default`.
  package struct Value: Sendable, Hashable {
    package var startTS: Timestamp
    package var value: [UInt8]
  }

  package var lock: Lock?
  /// The newest first.
  package var records: [Record]
  /// The newest first.
  package var values: [Value]
}

/// Everything that is stored of a key.
package struct MvccGetByKey: Sendable, Hashable {
  /// A user key.
  package var key: [UInt8]

  package init(_ key: [UInt8]) {
    self.key = key
  }

  /// All versions, whatever their timestamps.
  package func execute(_ snapshot: any KVReader) throws(TransactionError) -> MVCCInfo {
    let key = MVCCKey(key)
    let reader = MVCCReader(snapshot, keys: [key])
    var info = MVCCInfo(lock: try reader.lock(key), records: [], values: [])
    var at = Timestamp.max
    while let (commitTS, record) = try reader.record(key, at: at) {
      info.records.append(MVCCInfo.Record(commitTS: commitTS, record: record))
      guard commitTS > .zero else { break }
      at = Timestamp(commitTS.value - 1)
    }
    let range = KeyRange(start: key.encoded, end: MVCCKey.afterVersions(of: key.encoded))
    let cursor = try reader.cursor(.default, range)
    cursor.seekToFirst()
    while cursor.isValid {
      let version = try VersionedKey.stored(cursor.key)
      info.values.append(MVCCInfo.Value(startTS: version.timestamp, value: cursor.value))
      cursor.next()
    }
    try Transaction.engine { () throws(EngineError) in try cursor.finish() }
    return info
  }
}

/// Everything that is stored of the first key with a record of a transaction. Reads all records, so it is for debugging
/// only. Locks are not looked at.
package struct MvccGetByStartTs: Sendable, Hashable {
  package var startTS: Timestamp
  /// Encoded keys.
  package var range: KeyRange

  package init(_ startTS: Timestamp, range: KeyRange) {
    self.startTS = startTS
    self.range = range
  }

  /// Nil if there is no record of the transaction.
  package func execute(
    _ snapshot: any KVReader
  ) throws(TransactionError) -> (key: [UInt8], info: MVCCInfo)? {
    let reader = MVCCReader(snapshot, range: range, fillCache: false)
    let cursor = try reader.cursor(.write, range)
    cursor.seekToFirst()
    while cursor.isValid {
      let record: WriteRecord
      do throws(CodecError) {
        record = try cursor.withValue { (span) throws(CodecError) in
          try WriteRecord(decoding: span)
        }
      } catch {
        throw .corrupted(error)
      }
      if record.startTS == startTS {
        let key = try VersionedKey.stored(cursor.key).userKey
        return (key, try MvccGetByKey(key).execute(snapshot))
      }
      cursor.next()
    }
    try engine { () throws(EngineError) in try cursor.finish() }
    return nil
  }
}

extension VersionedKey {
  /// The key of a stored version.
  fileprivate static func stored(_ bytes: [UInt8]) throws(TransactionError) -> VersionedKey {
    do throws(CodecError) {
      return try VersionedKey(decoding: bytes)
    } catch {
      throw .corrupted(error)
    }
  }
}
