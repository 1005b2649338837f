import Glibc

/// Refuses a database if recovery of its write-ahead log would silently drop acknowledged writes.
enum WALCheck {
  /// Checks the log files of a database in order, and throws `corruption` for damage before intact records. Without a
  /// directory there is nothing to check.
  ///
  /// - Parameters:
  ///   - allSynced: whether every write was synced. Otherwise a crash of the machine may leave an unwritten page before
  ///     a written one, which is then no damage.
  ///   - mustExist: whether a database without a log file is damaged: RocksDB always has one.
  static func run(
    _ directory: String, allSynced: Bool, mustExist: Bool = false
  ) throws(RocksDBError) {
    let logs = try logs(directory)
    if logs.isEmpty, mustExist, access(directory + "/CURRENT", F_OK) == 0 {
      throw RocksDBError(
        operation: "open database \(directory)",
        message: "Corruption: there is no write-ahead log in \(directory): it was removed")
    }
    var next: UInt64?
    // A log that ends in a hole. The first record of a later log shows whether writes were lost.
    var broken: (path: String, offset: UInt64, next: UInt64, isUnwritten: Bool)?
    for (number, path) in logs {
      let scan = try scan(path, number, expecting: next)
      if let before = broken, let first = scan.firstSequence {
        // After recovery of a truncated log, the next log continues its sequence numbers.
        if first > before.next, allSynced || !before.isUnwritten {
          throw damage(directory, path: before.path, at: before.offset, later: path)
        }
        broken = nil
      }
      next = scan.nextSequence ?? next
      guard let hole = scan.hole else { continue }
      if let later = scan.laterRecord, allSynced || !hole.isUnwritten {
        throw damage(directory, path: path, at: hole.offset, later: "byte \(later)")
      }
      broken = next.map { (path, hole.offset, $0, hole.isUnwritten || hole.isCutOff) }
    }
  }

  private static func damage(
    _ directory: String, path: String, at offset: UInt64, later: String
  ) -> RocksDBError {
    RocksDBError(
      operation: "open database \(directory)",
      message: "Corruption: the write-ahead log \(path) is damaged at byte \(offset): records that "
        + "were written later are intact (\(later)), and opening would lose them")
  }

  /// Numbers and paths of the log files, ascending.
  private static func logs(
    _ directory: String
  ) throws(RocksDBError) -> [(number: UInt64, path: String)] {
    guard let handle = opendir(directory) else {
      if errno == ENOENT || errno == ENOTDIR { return [] }
      throw failure("list", directory)
    }
    defer { closedir(handle) }
    var logs: [(number: UInt64, path: String)] = []
    while let entry = readdir(handle) {
      let name = withUnsafeBytes(of: &entry.pointee.d_name) {
        String(decoding: $0.prefix { $0 != 0 }, as: UTF8.self)
      }
      let stem = name.dropLast(4)
      guard name.hasSuffix(".log"), stem.utf8.allSatisfy({ (0x30...0x39).contains($0) }),
        let number = UInt64(stem)
      else { continue }
      logs.append((number, directory + "/" + name))
    }
    return logs.sorted { $0.number < $1.number }
  }

  private static func scan(
    _ path: String, _ number: UInt64, expecting next: UInt64?
  ) throws(RocksDBError) -> WALScan {
    let file = open(path, O_RDONLY | O_CLOEXEC)
    guard file >= 0 else { throw failure("open", path) }
    defer { close(file) }
    var scan = WALScan(logNumber: number, expecting: next)
    let size = WALScan.blockSize * 32
    let buffer = UnsafeMutableRawBufferPointer.allocate(byteCount: size, alignment: 4096)
    defer { buffer.deallocate() }
    while true {
      var filled = 0
      while filled < size {
        let count = read(file, buffer.baseAddress?.advanced(by: filled), size - filled)
        if count < 0, errno == EINTR { continue }
        guard count >= 0 else { throw failure("read", path) }
        if count == 0 { break }
        filled += count
      }
      var offset = 0
      while offset < filled {
        let end = min(filled, offset + WALScan.blockSize)
        scan.add(UnsafeRawBufferPointer(rebasing: buffer[offset..<end]))
        offset = end
      }
      if filled < size { break }
    }
    scan.finish()
    return scan
  }

  private static func failure(_ operation: String, _ path: String) -> RocksDBError {
    RocksDBError(
      operation: "\(operation) \(path)", message: "IO error: \(String(cString: strerror(errno)))")
  }
}
