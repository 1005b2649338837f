import Glibc

/// The file system of the operating system, by POSIX calls. Errors carry `errno`; calls interrupted by a signal
/// are retried.
package struct SystemFileSystem: FileSystem {
  package init() {}

  package func createDirectory(_ path: String) throws(FileSystemError) {
    if mkdir(path, 0o755) == 0 || errno == EEXIST { return }
    guard errno == ENOENT, let slash = path.lastIndex(of: "/"), slash != path.startIndex else {
      throw FileSystemError.current("create directory", path)
    }
    try createDirectory(String(path[..<slash]))
    if mkdir(path, 0o755) != 0 && errno != EEXIST {
      throw FileSystemError.current("create directory", path)
    }
  }

  package func list(_ directory: String) throws(FileSystemError) -> [String] {
    guard let handle = opendir(directory) else {
      throw FileSystemError.current("list", directory)
    }
    defer { closedir(handle) }
    var names: [String] = []
    while let entry = readdir(handle) {
      let name = withUnsafePointer(to: &entry.pointee.d_name) { pointer in
        pointer.withMemoryRebound(to: CChar.self, capacity: 256) { String(cString: $0) }
      }
      if name != "." && name != ".." { names.append(name) }
    }
    return names.sorted()
  }

  package func size(of path: String) throws(FileSystemError) -> UInt64? {
    try status(of: path).map { UInt64($0.st_size) }
  }

  package func modificationTime(of path: String) throws(FileSystemError) -> UInt64? {
    try status(of: path).map {
      // A file may have any time. One before 1970 counts as 1970.
      let seconds = UInt64(clamping: min($0.st_mtim.tv_sec, 1 << 50))
      return seconds * 1000 + UInt64(clamping: $0.st_mtim.tv_nsec) / 1_000_000
    }
  }

  package func remove(_ path: String) throws(FileSystemError) {
    if unlink(path) != 0 && errno != ENOENT { throw FileSystemError.current("remove", path) }
  }

  package func removeTree(_ path: String) throws(FileSystemError) {
    var status = stat()
    if lstat(path, &status) != 0 {
      if errno == ENOENT { return }
      throw FileSystemError.current("remove", path)
    }
    guard status.st_mode & S_IFMT == S_IFDIR else { return try remove(path) }
    for name in try list(path) { try removeTree(path + "/" + name) }
    if rmdir(path) != 0 && errno != ENOENT { throw FileSystemError.current("remove", path) }
  }

  package func rename(_ source: String, to target: String) throws(FileSystemError) {
    if Glibc.rename(source, target) != 0 { throw FileSystemError.current("rename", source) }
  }

  package func syncDirectory(_ path: String) throws(FileSystemError) {
    try sync(path, flags: O_RDONLY | O_DIRECTORY | O_CLOEXEC)
  }

  package func syncFile(_ path: String) throws(FileSystemError) {
    try sync(path, flags: O_RDONLY | O_CLOEXEC)
  }

  package func create(
    _ path: String, exclusive: Bool
  ) throws(FileSystemError) -> any WritableFile {
    let flags = O_WRONLY | O_CREAT | O_CLOEXEC | (exclusive ? O_EXCL : O_TRUNC)
    return SystemFile(try SystemDescriptor(opening: path, flags, "create"))
  }

  package func open(_ path: String) throws(FileSystemError) -> any ReadableFile {
    SystemFile(try SystemDescriptor(opening: path, O_RDONLY | O_CLOEXEC, "open"))
  }

  private func status(of path: String) throws(FileSystemError) -> stat? {
    var status = stat()
    if stat(path, &status) == 0 { return status }
    if errno == ENOENT { return nil }
    throw FileSystemError.current("stat", path)
  }

  private func sync(_ path: String, flags: Int32) throws(FileSystemError) {
    try SystemDescriptor(opening: path, flags, "sync").sync()
  }
}

/// A file that is read, or written at its end.
private final class SystemFile: WritableFile, ReadableFile {
  private let descriptor: SystemDescriptor

  init(_ descriptor: consuming SystemDescriptor) {
    self.descriptor = descriptor
  }

  func append(_ bytes: borrowing [UInt8]) throws(FileSystemError) {
    try descriptor.append(bytes)
  }

  func sync() throws(FileSystemError) { try descriptor.sync() }

  func read(at offset: UInt64, upTo count: Int) throws(FileSystemError) -> [UInt8] {
    try descriptor.read(at: offset, upTo: count)
  }
}
