import Glibc
package import Runtime
import Synchronization

/// The data directory of a process: created if it is missing, and locked against other processes until
/// `release` or the end of this object.
package final class DataDirectory: Sendable {
  package let path: String
  private let lock: Mutex<Int32?>

  /// Creates and locks the directory. Throws if it cannot be written or another process has locked it.
  package init(_ path: String, files: any FileSystem) throws(StartError) {
    self.path = path
    do throws(FileSystemError) {
      try files.createDirectory(path)
    } catch {
      throw StartError(
        "cannot create data directory \(path): \(error.reason); choose another --data-dir")
    }
    let name = path + "/LOCK"
    let file = open(name, O_RDWR | O_CREAT | O_CLOEXEC, 0o644)
    guard file >= 0 else {
      throw StartError(
        "cannot write to data directory \(path): \(String(cString: strerror(errno))); "
          + "make it writable for this user or choose another --data-dir")
    }
    guard flock(file, LOCK_EX | LOCK_NB) == 0 else {
      let code = errno
      close(file)
      throw StartError(
        code == EWOULDBLOCK
          ? "data directory \(path) is in use by another process; stop it, or choose "
            + "another --data-dir"
          : "cannot lock \(name): \(String(cString: strerror(code)))")
    }
    lock = Mutex(file)
  }

  deinit { release() }

  /// Unlocks the directory.
  package func release() {
    if let file = lock.withLock({ $0.take() }) { close(file) }
  }

  /// The bytes of the file system of the directory, and those available to this user; zeros if that cannot be
  /// read.
  package var space: (capacity: UInt64, available: UInt64) {
    var info = statvfs()
    guard statvfs(path, &info) == 0 else { return (0, 0) }
    // Some file systems report sizes beyond 64 bits.
    func bytes(_ blocks: fsblkcnt_t) -> UInt64 {
      let (product, isOverflowing) = UInt64(blocks)
        .multipliedReportingOverflow(by: UInt64(info.f_frsize))
      return isOverflowing ? .max : product
    }
    return (bytes(info.f_blocks), bytes(info.f_bavail))
  }
}
