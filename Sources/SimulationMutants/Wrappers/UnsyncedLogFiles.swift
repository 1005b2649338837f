import Runtime

/// The files of a segment log, of which either the contents or the names are never synced.
struct UnsyncedLogFiles: RandomAccessFileSystem, ForwardingFileSystem {
  private let files: any RandomAccessFileSystem
  private let syncsNames: Bool

  var base: any FileSystem { files }

  /// - Parameter syncsNames: whether directories are synced; otherwise contents are.
  init(_ files: any RandomAccessFileSystem, syncsNames: Bool) {
    self.files = files
    self.syncsNames = syncsNames
  }

  func syncDirectory(_ path: String) throws(FileSystemError) {
    if syncsNames { try files.syncDirectory(path) }
  }

  func openRandomAccess(
    _ path: String, create: Bool, readOnly: Bool
  ) throws(FileSystemError) -> any RandomAccessFile {
    let file = try files.openRandomAccess(path, create: create, readOnly: readOnly)
    return syncsNames ? UnsyncedFile(file) : file
  }

  func lock(_ path: String) throws(FileSystemError) -> (any FileLock)? { try files.lock(path) }

  private final class UnsyncedFile: RandomAccessFile {
    private let base: any RandomAccessFile

    init(_ base: any RandomAccessFile) {
      self.base = base
    }

    func read(at offset: UInt64, upTo count: Int) throws(FileSystemError) -> [UInt8] {
      try base.read(at: offset, upTo: count)
    }

    func write(_ bytes: borrowing [UInt8], at offset: UInt64) throws(FileSystemError) {
      try base.write(bytes, at: offset)
    }

    func sync() throws(FileSystemError) {}
    func truncate(to size: UInt64) throws(FileSystemError) { try base.truncate(to: size) }
    func size() throws(FileSystemError) -> UInt64 { try base.size() }
  }
}
