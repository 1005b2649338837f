import Glibc

/// A check of the free disk space before a database is opened.
enum DiskSpace {
  /// Bytes below which a database is not opened for writing: recovery would fail on a full disk half-way.
  static let minFreeBytes: UInt64 = 8 << 20

  /// Throws `noSpace` if there is too little space at `path`, or at its first existing parent.
  static func check(_ path: String) throws(RocksDBError) {
    var directory = path
    var status = statvfs()
    while statvfs(directory, &status) != 0 {
      // Opening the database reports any other error of the path.
      guard errno == ENOENT, let slash = directory.lastIndex(of: "/"), slash > directory.startIndex
      else { return }
      directory = String(directory[..<slash])
    }
    let (free, isOverflowing) = UInt64(status.f_bavail)
      .multipliedReportingOverflow(by: UInt64(status.f_frsize))
    // Some file systems report a size that overflows.
    guard !isOverflowing, free < minFreeBytes else { return }
    throw RocksDBError(
      operation: "open database \(path)",
      message: "IO error: No space left on device: \(free) bytes are free, "
        + "\(minFreeBytes) are needed")
  }
}
