import Glibc

/// A file descriptor of `SystemFileSystem` and what is done with it. Calls interrupted by a signal are retried. Closed
/// with the value.
struct SystemDescriptor: ~Copyable, Sendable {
  private let number: Int32
  /// For errors.
  private let path: String

  /// Opens a file. One that is created gets the mode 0644 less the process's mask.
  ///
  /// - Parameter operation: for the error.
  init(opening path: String, _ flags: Int32, _ operation: String) throws(FileSystemError) {
    let number = Glibc.open(path, flags, 0o644)
    if number < 0 { throw FileSystemError.current(operation, path) }
    self.number = number
    self.path = path
  }

  deinit {
    close(number)
  }

  /// The bytes from `offset`: `count`, or fewer at the end of the file.
  func read(at offset: UInt64, upTo count: Int) throws(FileSystemError) -> [UInt8] {
    let start = try position(offset, count, "read")
    var failure: FileSystemError?
    let bytes = [UInt8](unsafeUninitializedCapacity: count) { buffer, filled in
      while filled < count {
        let read = pread(
          number, UnsafeMutableRawPointer(buffer.baseAddress)?.advanced(by: filled),
          count - filled, start + off_t(filled))
        if read < 0 && errno == EINTR { continue }
        if read < 0 { failure = FileSystemError.current("read", path) }
        if read <= 0 { return }
        filled += read
      }
    }
    if let failure { throw failure }
    return bytes
  }

  /// Writes all bytes at the descriptor's own position, which is the end of a file that nothing else was done with.
  func append(_ bytes: borrowing [UInt8]) throws(FileSystemError) {
    try writeAll(bytes) { rest, _ in Glibc.write(number, rest.baseAddress, rest.count) }
  }

  /// Writes all bytes at `offset`.
  func write(_ bytes: borrowing [UInt8], at offset: UInt64) throws(FileSystemError) {
    let start = try position(offset, bytes.count, "write")
    try writeAll(bytes) { rest, written in
      pwrite(number, rest.baseAddress, rest.count, start + off_t(written))
    }
  }

  /// - Parameter write: writes some of the bytes, of which so many are written already.
  private func writeAll(
    _ bytes: borrowing [UInt8], _ write: (UnsafeRawBufferPointer, _ written: Int) -> Int
  ) throws(FileSystemError) {
    var written = 0
    while written < bytes.count {
      let count = bytes.withUnsafeBytes { buffer in
        write(UnsafeRawBufferPointer(rebasing: buffer[written...]), written)
      }
      if count < 0 {
        if errno == EINTR { continue }
        throw FileSystemError.current("write", path)
      }
      written += count
    }
  }

  /// Makes contents and metadata durable.
  func sync() throws(FileSystemError) {
    if fsync(number) != 0 { throw FileSystemError.current("sync", path) }
  }

  /// Makes contents and size durable.
  func syncData() throws(FileSystemError) {
    if fdatasync(number) != 0 { throw FileSystemError.current("sync", path) }
  }

  func truncate(to size: UInt64) throws(FileSystemError) {
    let size = try position(size, 0, "truncate")
    if ftruncate(number, size) != 0 { throw FileSystemError.current("truncate", path) }
  }

  func size() throws(FileSystemError) -> UInt64 {
    var status = stat()
    if fstat(number, &status) != 0 { throw FileSystemError.current("stat", path) }
    return UInt64(status.st_size)
  }

  /// Takes an exclusive lock (`flock`), which ends with the descriptor, without waiting; false if another opening of the
  /// file has it.
  func lock() throws(FileSystemError) -> Bool {
    if flock(number, LOCK_EX | LOCK_NB) == 0 { return true }
    if errno == EWOULDBLOCK { return false }
    throw FileSystemError.current("lock", path)
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
  static func current(_ operation: String, _ path: String) -> FileSystemError {
    let code = errno
    return FileSystemError(
      operation: operation, path: path, code: code, reason: String(cString: strerror(code)))
  }
}
