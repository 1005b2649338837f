import Runtime

/// The files of a store's raft log on a disk that has faults, for one process. A write that fails may have reached the
/// disk in part.
struct FaultyLogFiles: RandomAccessFileSystem {
  private let base: any RandomAccessFileSystem
  private let disk: DiskAccess
  private let names: FaultyFileSystem

  init(_ base: any RandomAccessFileSystem, _ disk: DiskAccess) {
    self.base = base
    self.disk = disk
    names = FaultyFileSystem(base, disk)
  }

  func createDirectory(_ path: String) throws(FileSystemError) {
    try names.createDirectory(path)
  }

  func list(_ directory: String) throws(FileSystemError) -> [String] { try names.list(directory) }
  func size(of path: String) throws(FileSystemError) -> UInt64? { try names.size(of: path) }
  func modificationTime(of path: String) throws(FileSystemError) -> UInt64? {
    try names.modificationTime(of: path)
  }
  func remove(_ path: String) throws(FileSystemError) { try names.remove(path) }
  func removeTree(_ path: String) throws(FileSystemError) { try names.removeTree(path) }
  func rename(_ source: String, to target: String) throws(FileSystemError) {
    try names.rename(source, to: target)
  }
  func syncDirectory(_ path: String) throws(FileSystemError) { try names.syncDirectory(path) }
  func syncFile(_ path: String) throws(FileSystemError) { try names.syncFile(path) }

  func create(_ path: String, exclusive: Bool) throws(FileSystemError) -> any WritableFile {
    try names.create(path, exclusive: exclusive)
  }

  func open(_ path: String) throws(FileSystemError) -> any ReadableFile { try names.open(path) }

  func openRandomAccess(
    _ path: String, create: Bool, readOnly: Bool
  ) throws(FileSystemError) -> any RandomAccessFile {
    let file = try FaultyFileSystem.perform(create ? .write : .read, "open", path, disk) {
      () throws(FileSystemError) in
      try base.openRandomAccess(path, create: create, readOnly: readOnly)
    }
    return FaultyLogFile(file, path, disk)
  }

  func lock(_ path: String) throws(FileSystemError) -> (any FileLock)? {
    try FaultyFileSystem.perform(.read, "lock", path, disk) { () throws(FileSystemError) in
      try base.lock(path)
    }
  }
}

private final class FaultyLogFile: RandomAccessFile {
  private let base: any RandomAccessFile
  private let path: String
  private let disk: DiskAccess

  init(_ base: any RandomAccessFile, _ path: String, _ disk: DiskAccess) {
    self.base = base
    self.path = path
    self.disk = disk
  }

  func read(at offset: UInt64, upTo count: Int) throws(FileSystemError) -> [UInt8] {
    try FaultyFileSystem.perform(.read, "read", path, disk) { () throws(FileSystemError) in
      try base.read(at: offset, upTo: count)
    }
  }

  func write(_ bytes: borrowing [UInt8], at offset: UInt64) throws(FileSystemError) {
    let bytes = copy bytes
    do throws(FileSystemError) {
      try FaultyFileSystem.perform(.write, "write", path, disk) { () throws(FileSystemError) in
        try base.write(bytes, at: offset)
      }
    } catch {
      // A dead process has written nothing, or, if it died after the write, all.
      if !disk.isDead { try base.write(Array(bytes.prefix(bytes.count / 2)), at: offset) }
      throw error
    }
  }

  func sync() throws(FileSystemError) {
    try FaultyFileSystem.perform(.sync, "sync", path, disk) { () throws(FileSystemError) in
      try base.sync()
    }
  }

  func truncate(to size: UInt64) throws(FileSystemError) {
    try FaultyFileSystem.perform(.write, "truncate", path, disk) { () throws(FileSystemError) in
      try base.truncate(to: size)
    }
  }

  func size() throws(FileSystemError) -> UInt64 { try base.size() }
}
