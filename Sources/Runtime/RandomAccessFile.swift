/// A file system whose files can be written in place. A protocol of its own: few components need it.
package protocol RandomAccessFileSystem: FileSystem {
  /// Opens a file for reading and, unless `readOnly`, for writing at any offset.
  ///
  /// - Parameter create: whether a missing file is created, empty. Otherwise it is an error (`ENOENT`).
  func openRandomAccess(
    _ path: String, create: Bool, readOnly: Bool
  ) throws(FileSystemError) -> any RandomAccessFile

  /// Locks a file exclusively, which is created if it is missing, without waiting; nil if another owner, in this
  /// process or another, holds the lock. The lock ends when the object is released or the process ends.
  func lock(_ path: String) throws(FileSystemError) -> (any FileLock)?
}

/// A file that is read and written at any offset. Any thread may call; writes of overlapping ranges are the
/// caller's to order. Closed when released.
package protocol RandomAccessFile: AnyObject, Sendable {
  /// The bytes from `offset`: `count`, or fewer at the end of the file; empty beyond it.
  func read(at offset: UInt64, upTo count: Int) throws(FileSystemError) -> [UInt8]
  /// Writes all bytes at `offset`. A write beyond the end extends the file. After an error any part may be written.
  func write(_ bytes: borrowing [UInt8], at offset: UInt64) throws(FileSystemError)
  /// Makes contents and size durable. After an error it is unknown what is durable, now and after a later success.
  func sync() throws(FileSystemError)
  /// Cuts or extends the file with zeros.
  func truncate(to size: UInt64) throws(FileSystemError)
  /// Bytes.
  func size() throws(FileSystemError) -> UInt64
}

/// An exclusive lock that lasts as long as the object.
package protocol FileLock: AnyObject, Sendable {}
