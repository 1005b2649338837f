import Codec
import Engine
import Protobuf
import Runtime

/// The directory of snapshots as files: what is there, whether it fits together, and how it is deleted. Knows
/// nothing of who uses what.
struct SnapshotFiles: Sendable {
  static let readSize = 1 << 20
  /// Far beyond any disk: sums of the sizes of all snapshots stay far from overflow.
  static let maxFileSize: UInt64 = 1 << 50
  /// Files of one snapshot: with the default size of a file, of a region of 1.6 TB.
  static let maxFiles = 1 << 14

  let directory: String
  let system: any FileSystem

  func path(_ name: String) -> String { directory + "/" + name }

  func path(_ set: SnapshotFileSet, _ family: ColumnFamily, _ number: Int = 0) -> String {
    path(SnapshotName.data(set, family, number))
  }

  /// The families and paths of the files of a meta without `problem`, in its order. An empty family's file is not
  /// there.
  func paths(
    _ set: SnapshotFileSet, _ meta: SnapshotMeta
  ) -> [(family: ColumnFamily, path: String)] {
    var number = 0
    return meta.files.indices.map { position in
      let name = meta.files[position].cf
      number = position > 0 && meta.files[position - 1].cf == name ? number + 1 : 0
      guard let family = ColumnFamily.data.first(where: { $0.name == name }) else {
        preconditionFailure("a meta with an unknown family was accepted")
      }
      return (family, path(set, family, number))
    }
  }

  // MARK: Reading

  func names() throws(SnapshotError) -> [String] {
    try performing { () throws(FileSystemError) in try system.list(directory) }
  }

  /// Whether the name is that of a directory. Asked when something that should be a file has failed.
  func isDirectory(_ name: String) -> Bool {
    do throws(FileSystemError) {
      _ = try system.list(path(name))
      return true
    } catch {
      return false
    }
  }

  /// The meta of a snapshot whose files are all there with their sizes; nil without a meta file.
  func meta(_ set: SnapshotFileSet) throws(SnapshotError) -> SnapshotMeta? {
    let path = path(SnapshotName.meta(set))
    let content = try performing { () throws(FileSystemError) in
      try system.exists(path) ? try system.contents(of: path) : nil
    }
    guard let content else { return nil }
    let meta: SnapshotMeta
    do throws(CodecError) {
      meta = try SnapshotMeta(decoding: content)
    } catch {
      throw .corrupted(path: path, reason: "\(error)")
    }
    if let problem = Self.problem(of: meta) { throw .corrupted(path: path, reason: problem) }
    for ((_, path), file) in zip(paths(set, meta), meta.files) {
      let size = try performing { () throws(FileSystemError) in try system.size(of: path) }
      if (size ?? 0) != file.size {
        throw .corrupted(path: path, reason: "\(size ?? 0) bytes instead of \(file.size)")
      }
    }
    return meta
  }

  /// Why this is not the meta of a snapshot as this version makes them: one file for each data
  /// family at least, in their order; several only of a family with data.
  static func problem(of meta: SnapshotMeta) -> String? {
    guard meta.files.count <= maxFiles else { return "\(meta.files.count) files" }
    var families: [String] = []
    for file in meta.files where families.last != file.cf { families.append(file.cf) }
    guard families == ColumnFamily.data.map(\.name) else {
      return "files of \(families) instead of \(ColumnFamily.data.map(\.name))"
    }
    for (file, next) in zip(meta.files, meta.files.dropFirst())
    where file.cf == next.cf && (file.size == 0 || next.size == 0) {
      return "an empty file among several of \(file.cf)"
    }
    for file in meta.files {
      if file.size > maxFileSize { return "impossible sizes" }
      if file.size == 0 && file.checksum != 0 { return "an empty file with a checksum" }
    }
    return nil
  }

  /// Reads a whole file for its checksum.
  func checksum(_ path: String) throws(SnapshotError) -> (size: UInt64, checksum: UInt32) {
    try performing { () throws(FileSystemError) in
      let file = try system.open(path)
      var crc = CRC32()
      var size: UInt64 = 0
      while true {
        let piece = try file.read(at: size, upTo: Self.readSize)
        if piece.isEmpty { return (size, crc.value) }
        crc.update(piece)
        size += UInt64(piece.count)
      }
    }
  }

  /// Milliseconds since 1970 when the meta file was written; 0 when there is none.
  func modified(_ set: SnapshotFileSet) throws(SnapshotError) -> UInt64 {
    let path = path(SnapshotName.meta(set))
    return try performing { () throws(FileSystemError) in
      try system.modificationTime(of: path) ?? 0
    }
  }

  // MARK: Changing

  /// Renames the temporary files, then writes the meta file, which marks the snapshot complete. A snapshot with a
  /// meta file has all its files after any crash.
  func publish(_ set: SnapshotFileSet, _ meta: SnapshotMeta) throws(SnapshotError) {
    try performing { () throws(FileSystemError) in
      for ((_, path), file) in zip(paths(set, meta), meta.files) where file.size > 0 {
        try system.rename(path + SnapshotName.temporarySuffix, to: path)
      }
      try system.syncDirectory(directory)
    }
    try writeMeta(set, meta)
  }

  /// Writes the meta file, durably.
  func writeMeta(_ set: SnapshotFileSet, _ meta: SnapshotMeta) throws(SnapshotError) {
    let path = path(SnapshotName.meta(set))
    try performing { () throws(FileSystemError) in
      let file = try system.create(path + SnapshotName.temporarySuffix, exclusive: false)
      try file.append(meta.encoded())
      try file.sync()
      try system.rename(path + SnapshotName.temporarySuffix, to: path)
      try system.syncDirectory(directory)
    }
  }

  /// Removes all files of a snapshot. The meta file goes first: without it the others mean nothing, so they may
  /// follow at any time.
  func remove(_ set: SnapshotFileSet) throws(SnapshotError) {
    try performing { () throws(FileSystemError) in
      try system.remove(path(SnapshotName.meta(set)))
      for name in try system.list(directory).sorted() where SnapshotName.parse(name) == set {
        try system.remove(path(name))
      }
    }
  }

  /// Converts file system errors to `SnapshotError.io`.
  func performing<T>(_ body: () throws(FileSystemError) -> T) throws(SnapshotError) -> T {
    do throws(FileSystemError) {
      return try body()
    } catch {
      throw .io("\(error)")
    }
  }
}
