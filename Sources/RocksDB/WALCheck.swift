import Glibc

/// Refuses a database of whose write-ahead log recovery would drop acknowledged writes without a word.
enum WALCheck {
  /// Checks the logs in a database's directory, in their order; a missing directory has none.
  ///
  /// - Parameters:
  ///   - allSynced: whether every write waited for the disk. If not, a page that was never written
  ///     before a later one is what a machine's crash may leave, and no damage.
  ///   - mustExist: whether a database without a log is damaged: RocksDB always has one.
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
    // A log that ends in a hole, after which a later log may show that writes were lost.
    var broken: (path: String, offset: UInt64, next: UInt64, isUnwritten: Bool)?
    for (number, path) in logs {
      let scan = try scan(path, number, expecting: next)
      if let before = broken, let first = scan.firstSequence {
        // After recovery of a log that was cut off, the next log continues its numbers.
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

  /// Numbers and paths of the logs, ascending.
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
      var place = 0
      while place < filled {
        let end = min(filled, place + WALScan.blockSize)
        scan.add(UnsafeRawBufferPointer(rebasing: buffer[place..<end]))
        place = end
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
