package import Runtime

/// A store's files on a disk that has faults, for one process.
package struct FaultyFileSystem: FileSystem {
  private let base: any FileSystem
  private let disk: DiskAccess

  /// - Parameter base: the files as they are.
  package init(_ base: any FileSystem, _ faults: DiskFaults, _ process: SimulatedProcess) {
    self.init(base, DiskAccess(faults, process))
  }

  init(_ base: any FileSystem, _ disk: DiskAccess) {
    self.base = base
    self.disk = disk
  }

  static func perform<R>(
    _ operation: DiskFaults.Operation, _ name: String, _ path: String, _ disk: DiskAccess,
    _ body: () throws(FileSystemError) -> R
  ) throws(FileSystemError) -> R {
    try disk.perform(
      operation,
      { failure in
        let (code, reason): (Int32, String) =
          switch failure {
          case .dead: (5, "the process is dead")
          case .io: (5, "Input/output error")
          case .full: (28, "No space left on device")
          }
        return FileSystemError(operation: name, path: path, code: code, reason: reason)
      }, body)
  }

  private func perform<R>(
    _ operation: DiskFaults.Operation, _ name: String, _ path: String,
    _ body: () throws(FileSystemError) -> R
  ) throws(FileSystemError) -> R {
    try Self.perform(operation, name, path, disk, body)
  }

  package func createDirectory(_ path: String) throws(FileSystemError) {
    try perform(.write, "create directory", path) { () throws(FileSystemError) in
      try base.createDirectory(path)
    }
  }

  package func list(_ directory: String) throws(FileSystemError) -> [String] {
    try perform(.read, "list", directory) { () throws(FileSystemError) in
      try base.list(directory)
    }
  }

  package func size(of path: String) throws(FileSystemError) -> UInt64? {
    try base.size(of: path)
  }

  package func modificationTime(of path: String) throws(FileSystemError) -> UInt64? {
    try base.modificationTime(of: path)
  }

  package func remove(_ path: String) throws(FileSystemError) {
    try perform(.write, "remove", path) { () throws(FileSystemError) in try base.remove(path) }
  }

  package func removeTree(_ path: String) throws(FileSystemError) {
    try perform(.write, "remove", path) { () throws(FileSystemError) in
      try base.removeTree(path)
    }
  }

  package func rename(_ source: String, to target: String) throws(FileSystemError) {
    try perform(.write, "rename", source) { () throws(FileSystemError) in
      try base.rename(source, to: target)
    }
  }

  package func syncDirectory(_ path: String) throws(FileSystemError) {
    try perform(.sync, "sync", path) { () throws(FileSystemError) in
      try base.syncDirectory(path)
    }
  }

  package func syncFile(_ path: String) throws(FileSystemError) {
    try perform(.sync, "sync", path) { () throws(FileSystemError) in try base.syncFile(path) }
  }

  package func create(
    _ path: String, exclusive: Bool
  ) throws(FileSystemError) -> any WritableFile {
    let file = try perform(.write, "create", path) { () throws(FileSystemError) in
      try base.create(path, exclusive: exclusive)
    }
    return FaultyWritableFile(file, path, disk)
  }

  package func open(_ path: String) throws(FileSystemError) -> any ReadableFile {
    let file = try perform(.read, "open", path) { () throws(FileSystemError) in
      try base.open(path)
    }
    return FaultyReadableFile(file, path, disk)
  }
}

private final class FaultyWritableFile: WritableFile {
  private let base: any WritableFile
  private let path: String
  private let disk: DiskAccess

  init(_ base: any WritableFile, _ path: String, _ disk: DiskAccess) {
    self.base = base
    self.path = path
    self.disk = disk
  }

  func append(_ bytes: borrowing [UInt8]) throws(FileSystemError) {
    let bytes = copy bytes
    try FaultyFileSystem.perform(.write, "write", path, disk) {
      () throws(FileSystemError) in try base.append(bytes)
    }
  }

  func sync() throws(FileSystemError) {
    try FaultyFileSystem.perform(.sync, "sync", path, disk) {
      () throws(FileSystemError) in try base.sync()
    }
  }
}

private final class FaultyReadableFile: ReadableFile {
  private let base: any ReadableFile
  private let path: String
  private let disk: DiskAccess

  init(_ base: any ReadableFile, _ path: String, _ disk: DiskAccess) {
    self.base = base
    self.path = path
    self.disk = disk
  }

  func read(at offset: UInt64, upTo count: Int) throws(FileSystemError) -> [UInt8] {
    try FaultyFileSystem.perform(.read, "read", path, disk) {
      () throws(FileSystemError) in try base.read(at: offset, upTo: count)
    }
  }
}
