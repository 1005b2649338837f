// Reads of entries that may lie in storage, in memory, or in both.
extension RaftLog {
  /// Entries from `index` on, up to `maxSize` encoded bytes but at least one if there is any.
  func entries(from index: UInt64, maxSize: UInt64) throws(RaftError) -> [Entry] {
    let last = lastIndex
    guard index <= last else { return [] }
    return try slice(from: index, to: last + 1, maxSize: maxSize)
  }

  /// Throws `.storage(.compacted)` below the first index, and aborts on any other range outside the log.
  func checkBounds(from lo: UInt64, to hi: UInt64) throws(RaftError) {
    guard lo <= hi else { throw sink.abort("invalid slice \(lo) > \(hi)") }
    let first = firstIndex
    guard lo >= first else { throw .storage(.compacted) }
    let last = lastIndex
    guard hi <= last + 1 else {
      throw sink.abort("slice[\(lo),\(hi)) out of bound [\(first),\(last)]")
    }
  }

  /// Entries `lo..<hi`, up to `maxSize` encoded bytes but at least one if there is any. The caller may
  /// handle `.storage(.compacted)`; any other error is a failure.
  func slice(from lo: UInt64, to hi: UInt64, maxSize: UInt64) throws(RaftError) -> [Entry] {
    try checkBounds(from: lo, to: hi)
    if lo == hi { return [] }
    if lo >= unstable.offset {
      if lo == unstable.offset && hi == lo + UInt64(unstable.entries.count) && maxSize == .max {
        return unstable.entries
      }
      let run = unstable.slice(from: lo, to: hi)
      return Array(run.prefix(EntryLimits.prefixCount(of: run, maxSize: maxSize)))
    }
    let cut = min(hi, unstable.offset)
    var result = try storedEntries(from: lo, to: cut, maxSize: maxSize)
    if hi <= unstable.offset { return result }
    // Storage returned less than the range: the next entry would exceed the limit.
    if UInt64(result.count) < cut - lo { return result }
    if maxSize == .max {
      result.append(contentsOf: unstable.slice(from: unstable.offset, to: hi))
      return result
    }
    let size = EntryLimits.encodedSize(of: result)
    if size >= maxSize { return result }
    let run = unstable.slice(from: unstable.offset, to: hi)
    let tail = run.prefix(EntryLimits.prefixCount(of: run, maxSize: maxSize - size))
    // `prefixCount` returns at least one entry, which may exceed what is left of the limit.
    if tail.count == 1 && size + EntryLimits.encodedSize(of: tail) > maxSize { return result }
    result.append(contentsOf: tail)
    return result
  }

  private func storedEntries(
    from lo: UInt64, to hi: UInt64, maxSize: UInt64
  ) throws(RaftError) -> [Entry] {
    do {
      return try storage.entries(from: lo, to: hi, maxSize: maxSize)
    } catch {
      if error == .unavailable {
        throw sink.abort("entries[\(lo):\(hi)) is unavailable from storage")
      }
      throw .storage(error)
    }
  }

  /// Visits entries `lo..<hi` in pages of up to `pageSize` encoded bytes until `visit` returns false.
  func scan(
    from lo: UInt64, to hi: UInt64, pageSize: UInt64,
    visit: ([Entry]) throws(RaftError) -> Bool
  ) throws(RaftError) {
    var next = lo
    while next < hi {
      let page = try slice(from: next, to: hi, maxSize: pageSize)
      guard !page.isEmpty else { throw .aborted("got 0 entries in [\(next), \(hi))") }
      guard try visit(page) else { return }
      next += UInt64(page.count)
    }
  }

  /// The most recent snapshot: the one to be stored, else the one of storage.
  func snapshot() throws(LogStorageError) -> Snapshot {
    if let snapshot = unstable.snapshot { return snapshot }
    return try storage.snapshot()
  }
}
