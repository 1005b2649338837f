import Codec
import Engine
import Runtime

/// Writes one snapshot's files from a snapshot of the engine. The caller has claimed the names.
struct SnapshotGenerator {
  /// Keys between two looks at whether anyone still wants the snapshot.
  private static let keysPerCheck = 1024

  let set: SnapshotFileSet
  let files: SnapshotFiles
  let engine: any KVEngine
  let snapshot: any KVSnapshot
  let range: KeyRange

  /// Writes every family's temporary file, synced, and describes them.
  func generate(_ isCancelled: () -> Bool) throws(SnapshotError) -> [SnapshotFile] {
    var result: [SnapshotFile] = []
    for family in ColumnFamily.data { result.append(try write(family, isCancelled)) }
    return result
  }

  /// Writes one family's pairs as a temporary file, synced; none when there are no pairs.
  private func write(
    _ family: ColumnFamily, _ isCancelled: () -> Bool
  ) throws(SnapshotError) -> SnapshotFile {
    let path = files.path(set, family) + SnapshotName.temporarySuffix
    var writer: (any SSTWriter)?
    do throws(EngineError) {
      let cursor = try snapshot.cursor(
        family, from: range.start, to: range.end.isEmpty ? nil : range.end,
        fillCache: false)
      var untilCheck = 0
      cursor.seekToFirst()
      while cursor.isValid {
        if untilCheck == 0 {
          if isCancelled() { throw cancellation }
          untilCheck = Self.keysPerCheck
        }
        untilCheck -= 1
        let target: any SSTWriter
        if let writer {
          target = writer
        } else {
          target = try engine.makeSSTWriter(path, for: family)
        }
        writer = target
        try cursor.withKey { (key) throws(EngineError) in
          try cursor.withValue { (value) throws(EngineError) in try target.put(key, value) }
        }
        cursor.next()
      }
      try cursor.finish()
      _ = try writer?.finish()
    } catch {
      writer?.abandon()
      if error == cancellation { throw .stale("its generation was cancelled") }
      throw .io("\(error)")
    }
    guard writer != nil else { return SnapshotFile(cf: family.name) }
    let (size, checksum) = try files.checksum(path)
    return SnapshotFile(cf: family.name, size: size, checksum: checksum)
  }

  private var cancellation: EngineError {
    EngineError(.other, operation: "generate snapshot \(set.key)", message: "called off")
  }
}
