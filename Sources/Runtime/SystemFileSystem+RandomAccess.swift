import Glibc

extension SystemFileSystem: RandomAccessFileSystem {
  package func openRandomAccess(
    _ path: String, create: Bool, readOnly: Bool
  ) throws(FileSystemError) -> any RandomAccessFile {
    let flags = (readOnly ? O_RDONLY : O_RDWR) | (create && !readOnly ? O_CREAT : 0) | O_CLOEXEC
    let descriptor = Glibc.open(path, flags, 0o644)
    if descriptor < 0 { throw FileSystemError.latest("open", path) }
    return SystemRandomAccessFile(descriptor, path: path)
  }

  /// `flock`: it holds between two openings of one process too.
  package func lock(_ path: String) throws(FileSystemError) -> (any FileLock)? {
    let descriptor = Glibc.open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0o644)
    if descriptor < 0 { throw FileSystemError.latest("lock", path) }
    if flock(descriptor, LOCK_EX | LOCK_NB) == 0 { return SystemFileLock(descriptor) }
    let error = FileSystemError.latest("lock", path)
    close(descriptor)
    if error.code == EWOULDBLOCK { return nil }
    throw error
  }
}

/// A descriptor with a lock; closing it ends the lock.
private final class SystemFileLock: FileLock {
  private let descriptor: Int32

  init(_ descriptor: Int32) {
    self.descriptor = descriptor
  }

  deinit {
    close(descriptor)
  }
}

/// A descriptor used by `pread`, `pwrite` and `fdatasync`.
private final class SystemRandomAccessFile: RandomAccessFile {
  private let descriptor: Int32
  private let path: String

  init(_ descriptor: Int32, path: String) {
    self.descriptor = descriptor
    self.path = path
  }

  deinit {
    close(descriptor)
  }

  func read(at offset: UInt64, upTo count: Int) throws(FileSystemError) -> [UInt8] {
    let start = try position(offset, count, "read")
    var failure: FileSystemError?
    let bytes = [UInt8](unsafeUninitializedCapacity: count) { buffer, filled in
      while filled < count {
        let read = pread(
          descriptor, UnsafeMutableRawPointer(buffer.baseAddress)?.advanced(by: filled),
          count - filled, start + off_t(filled))
        if read < 0 && errno == EINTR { continue }
        if read < 0 { failure = FileSystemError.latest("read", path) }
        if read <= 0 { return }
        filled += read
      }
    }
    if let failure { throw failure }
    return bytes
  }

  func write(_ bytes: borrowing [UInt8], at offset: UInt64) throws(FileSystemError) {
    let start = try position(offset, bytes.count, "write")
    var written = 0
    while written < bytes.count {
      let count = bytes.withUnsafeBytes { buffer in
        pwrite(
          descriptor, UnsafeRawBufferPointer(rebasing: buffer[written...]).baseAddress,
          buffer.count - written, start + off_t(written))
      }
      if count < 0 {
        if errno == EINTR { continue }
        throw FileSystemError.latest("write", path)
      }
      written += count
    }
  }

  func sync() throws(FileSystemError) {
    if fdatasync(descriptor) != 0 { throw FileSystemError.latest("sync", path) }
  }

  func truncate(to size: UInt64) throws(FileSystemError) {
    let size = try position(size, 0, "truncate")
    if ftruncate(descriptor, size) != 0 { throw FileSystemError.latest("truncate", path) }
  }

  func size() throws(FileSystemError) -> UInt64 {
    var status = stat()
    if fstat(descriptor, &status) != 0 { throw FileSystemError.latest("stat", path) }
    return UInt64(status.st_size)
  }

  /// The offset as the system takes it; `EFBIG` if the range does not fit.
  private func position(
    _ offset: UInt64, _ count: Int, _ operation: String
  ) throws(FileSystemError) -> off_t {
    guard let start = off_t(exactly: offset), !start.addingReportingOverflow(count).overflow else {
      throw FileSystemError(
        operation: operation, path: path, code: EFBIG, reason: String(cString: strerror(EFBIG)))
    }
    return start
  }
}

extension FileSystemError {
  /// The error of the last system call of this thread.
  fileprivate static func latest(_ operation: String, _ path: String) -> FileSystemError {
    let code = errno
    return FileSystemError(
      operation: operation, path: path, code: code, reason: String(cString: strerror(code)))
  }
}
