// Handing out committed entries and hearing of their application.
extension RaftLog {
  /// The last index that may be given out.
  func maxAppliable(allowUnstable: Bool) -> UInt64 {
    allowUnstable ? committed : min(committed, unstable.offset - 1)
  }

  func hasNextCommittedEntries(allowUnstable: Bool) -> Bool {
    if applyingPaused || unstable.snapshot != nil { return false }
    return applying < maxAppliable(allowUnstable: allowUnstable)
  }

  /// Committed entries not handed out yet, as many as the apply limit leaves capacity for.
  func nextCommittedEntries(allowUnstable: Bool) throws(RaftError) -> [Entry] {
    guard hasNextCommittedEntries(allowUnstable: allowUnstable) else { return [] }
    guard applyingSize < maxApplyingSize else {
      throw sink.abort(
        "applying entry size (\(maxApplyingSize)-\(applyingSize))=0 not positive")
    }
    let hi = maxAppliable(allowUnstable: allowUnstable) + 1
    let room = maxApplyingSize == .max ? .max : maxApplyingSize - applyingSize
    do {
      return try slice(from: applying + 1, to: hi, maxSize: room)
    } catch {
      if case .aborted = error { throw error }
      throw sink.abort("unexpected error when getting unapplied entries (\(error))")
    }
  }

  /// Entries up to `index`, of `size` encoded bytes, were given out.
  mutating func acceptApplying(
    to index: UInt64, size: UInt64, allowUnstable: Bool
  ) throws(RaftError) {
    guard index >= applying, index <= committed else {
      throw sink.abort(
        "applying(\(index)) is out of range [prevApplying(\(applying)), committed(\(committed))]")
    }
    applying = index
    applyingSize += size
    applyingPaused =
      applyingSize >= maxApplyingSize || index < maxAppliable(allowUnstable: allowUnstable)
  }

  /// Entries up to `index`, of `size` encoded bytes, were applied.
  mutating func applied(to index: UInt64, size: UInt64) throws(RaftError) {
    guard index >= applied, index <= committed else {
      throw sink.abort(
        "applied(\(index)) is out of range [prevApplied(\(applied)), committed(\(committed))]")
    }
    applied = index
    applying = max(applying, index)
    applyingSize -= min(applyingSize, size)
    applyingPaused = applyingSize >= maxApplyingSize
  }
}
