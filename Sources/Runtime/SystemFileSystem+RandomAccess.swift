import Glibc

extension SystemFileSystem: RandomAccessFileSystem {
  package func openRandomAccess(
    _ path: String, create: Bool, readOnly: Bool
  ) throws(FileSystemError) -> any RandomAccessFile {
    let flags = (readOnly ? O_RDONLY : O_RDWR) | (create && !readOnly ? O_CREAT : 0) | O_CLOEXEC
    return SystemRandomAccessFile(try SystemDescriptor(opening: path, flags, "open"))
  }

  /// `flock`: it holds between two openings of one process too.
  package func lock(_ path: String) throws(FileSystemError) -> (any FileLock)? {
    let descriptor = try SystemDescriptor(opening: path, O_RDWR | O_CREAT | O_CLOEXEC, "lock")
    return try descriptor.lock() ? SystemFileLock(descriptor) : nil
  }
}

/// A descriptor with a lock.
private final class SystemFileLock: FileLock {
  private let descriptor: SystemDescriptor

  init(_ descriptor: consuming SystemDescriptor) {
    self.descriptor = descriptor
  }
}

/// A file that is read and written at any offset, and synced by `fdatasync`.
private final class SystemRandomAccessFile: RandomAccessFile {
  private let descriptor: SystemDescriptor

  init(_ descriptor: consuming SystemDescriptor) {
    self.descriptor = descriptor
  }

  func read(at offset: UInt64, upTo count: Int) throws(FileSystemError) -> [UInt8] {
    try descriptor.read(at: offset, upTo: count)
  }

  func write(_ bytes: borrowing [UInt8], at offset: UInt64) throws(FileSystemError) {
    try descriptor.write(bytes, at: offset)
  }

  func sync() throws(FileSystemError) { try descriptor.syncData() }

  func truncate(to size: UInt64) throws(FileSystemError) { try descriptor.truncate(to: size) }

  func size() throws(FileSystemError) -> UInt64 { try descriptor.size() }
}
