import Glibc

/// Free space of the file system of a database.
enum DiskSpace {
  /// With less than this a database is not opened for writing: recovery would run into the end of
  /// the disk half-way.
  static let least: UInt64 = 8 << 20

  /// Throws when there is too little space at `path`, or in the directory it is to be made in.
  static func check(_ path: String) throws(RocksDBError) {
    var directory = path
    var status = statvfs()
    while statvfs(directory, &status) != 0 {
      // What else may be wrong with the path, opening will tell.
      guard errno == ENOENT, let slash = directory.lastIndex(of: "/"), slash > directory.startIndex
      else { return }
      directory = String(directory[..<slash])
    }
    let (free, isOverflowing) = UInt64(status.f_bavail)
      .multipliedReportingOverflow(by: UInt64(status.f_frsize))
    // Some file systems claim to have no end.
    guard !isOverflowing, free < least else { return }
    throw RocksDBError(
      operation: "open database \(path)",
      message: "IO error: No space left on device: \(free) bytes are free, \(least) are needed")
  }
}
