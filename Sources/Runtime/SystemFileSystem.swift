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
    return SystemFile(try descriptor(path, flags: flags, operation: "create"), path: path)
  }

  package func open(_ path: String) throws(FileSystemError) -> any ReadableFile {
    SystemFile(try descriptor(path, flags: O_RDONLY | O_CLOEXEC, operation: "open"), path: path)
  }

  private func status(of path: String) throws(FileSystemError) -> stat? {
    var status = stat()
    if stat(path, &status) == 0 { return status }
    if errno == ENOENT { return nil }
    throw FileSystemError.current("stat", path)
  }

  private func sync(_ path: String, flags: Int32) throws(FileSystemError) {
    let file = try descriptor(path, flags: flags, operation: "sync")
    defer { close(file) }
    if fsync(file) != 0 { throw FileSystemError.current("sync", path) }
  }

  private func descriptor(
    _ path: String, flags: Int32, operation: String
  ) throws(FileSystemError) -> Int32 {
    let file = Glibc.open(path, flags, 0o644)
    if file < 0 { throw FileSystemError.current(operation, path) }
    return file
  }
}

/// An open file of `SystemFileSystem`; closes its descriptor when released.
private final class SystemFile: WritableFile, ReadableFile {
  private let descriptor: Int32
  private let path: String

  init(_ descriptor: Int32, path: String) {
    self.descriptor = descriptor
    self.path = path
  }

  deinit {
    close(descriptor)
  }

  func append(_ bytes: borrowing [UInt8]) throws(FileSystemError) {
    var written = 0
    while written < bytes.count {
      let count = bytes.withUnsafeBytes { buffer in
        write(
          descriptor, UnsafeRawBufferPointer(rebasing: buffer[written...]).baseAddress,
          buffer.count - written)
      }
      if count < 0 {
        if errno == EINTR { continue }
        throw FileSystemError.current("write", path)
      }
      written += count
    }
  }

  func sync() throws(FileSystemError) {
    if fsync(descriptor) != 0 { throw FileSystemError.current("sync", path) }
  }

  func read(at offset: UInt64, upTo count: Int) throws(FileSystemError) -> [UInt8] {
    var failure: FileSystemError?
    let bytes = [UInt8](unsafeUninitializedCapacity: count) { buffer, filled in
      while filled < count {
        let read = pread(
          descriptor, UnsafeMutableRawPointer(buffer.baseAddress)?.advanced(by: filled),
          count - filled, off_t(offset) + off_t(filled))
        if read < 0 && errno == EINTR { continue }
        if read < 0 { failure = FileSystemError.current("read", path) }
        if read <= 0 { return }
        filled += read
      }
    }
    if let failure { throw failure }
    return bytes
  }
}

extension FileSystemError {
  /// The error of the last system call of this thread.
  fileprivate static func current(_ operation: String, _ path: String) -> FileSystemError {
    let code = errno
    return FileSystemError(
      operation: operation, path: path, code: code, reason: String(cString: strerror(code)))
  }
}
