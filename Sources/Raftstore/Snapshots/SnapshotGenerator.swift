import Codec
import Engine
import Runtime

/// Writes one snapshot's files from a snapshot of the engine. The caller has claimed the names.
struct SnapshotGenerator {
  /// Keys between two looks at whether anyone still wants the snapshot.
  private static let keysPerCheck = 1024
  /// Bytes after which it looks in any case, and waits for its share of the bandwidth.
  private static let bytesPerCheck = 256 << 10

  let set: SnapshotFileSet
  let files: SnapshotFiles
  let engine: any KVEngine
  let snapshot: any KVSnapshot
  let range: KeyRange
  /// Bytes of keys and values after which the next file begins.
  let maxFileBytes: UInt64
  /// Called with bytes that were read and written since the last call; waits.
  let throttle: (Int) -> Void

  /// Writes every family's temporary files, synced, and describes them.
  func generate(_ isCancelled: () -> Bool) throws(SnapshotError) -> [SnapshotFile] {
    var result: [SnapshotFile] = []
    for family in ColumnFamily.data { result += try write(family, isCancelled) }
    return result
  }

  /// Writes one family's pairs to temporary files, synced. Without pairs there is no file, but a description.
  private func write(
    _ family: ColumnFamily, _ isCancelled: () -> Bool
  ) throws(SnapshotError) -> [SnapshotFile] {
    var written: [SnapshotFile] = []
    let cursor = try performing { () throws(EngineError) in
      let cursor = try snapshot.cursor(
        family, from: range.start, to: range.end.isEmpty ? nil : range.end,
        fillCache: false)
      cursor.seekToFirst()
      return cursor
    }
    while cursor.isValid {
      guard written.count < SnapshotFiles.maxFiles / ColumnFamily.data.count else {
        throw .busy("region \(set.key.regionID) is too large for a snapshot")
      }
      written.append(try writeFile(family, written.count, cursor, isCancelled))
    }
    try performing { () throws(EngineError) in try cursor.finish() }
    return written.isEmpty ? [SnapshotFile(cf: family.name)] : written
  }

  /// Writes pairs from the cursor's on until the file is full.
  private func writeFile(
    _ family: ColumnFamily, _ number: Int, _ cursor: any KVCursor, _ isCancelled: () -> Bool
  ) throws(SnapshotError) -> SnapshotFile {
    let path = files.path(set, family, number) + SnapshotName.temporarySuffix
    var writer: (any SSTWriter)?
    do throws(SnapshotError) {
      let target = try performing { () throws(EngineError) in
        try engine.makeSSTWriter(path, for: family)
      }
      writer = target
      var total: UInt64 = 0
      while cursor.isValid && total < maxFileBytes {
        if isCancelled() { throw .stale("its generation was cancelled") }
        let bytes = try performing { () throws(EngineError) in
          try copyPairs(cursor, to: target, atMost: maxFileBytes - total)
        }
        throttle(bytes)
        total += UInt64(bytes)
      }
      try performing { () throws(EngineError) in _ = try target.finish() }
    } catch {
      writer?.abandon()
      throw error
    }
    let (size, checksum) = try files.checksum(path)
    return SnapshotFile(cf: family.name, size: size, checksum: checksum)
  }

  /// Copies pairs until it is time for a check; returns their bytes.
  private func copyPairs(
    _ cursor: any KVCursor, to target: any SSTWriter, atMost limit: UInt64
  ) throws(EngineError) -> Int {
    var keys = 0
    var bytes = 0
    while cursor.isValid, keys < Self.keysPerCheck, bytes < Self.bytesPerCheck, bytes < limit {
      bytes += try cursor.withKey { (key) throws(EngineError) in
        try cursor.withValue { (value) throws(EngineError) in
          try target.put(key, value)
          return key.byteCount + value.byteCount
        }
      }
      keys += 1
      cursor.next()
    }
    return bytes
  }

  private func performing<T>(_ body: () throws(EngineError) -> T) throws(SnapshotError) -> T {
    do throws(EngineError) {
      return try body()
    } catch {
      throw error.kind == .corruption ? .damaged("\(error)") : .io("\(error)")
    }
  }
}
