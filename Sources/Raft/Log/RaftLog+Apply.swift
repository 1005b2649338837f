// Committed entries on their way to the state machine.
extension RaftLog {
  /// The last index that may be returned for application. In asynchronous mode an entry must be stable
  /// first (`allowUnstable` is false): the state machine must not be ahead of the durable log.
  func maxAppliable(allowUnstable: Bool) -> UInt64 {
    allowUnstable ? committed : min(committed, unstable.offset - 1)
  }

  /// Whether committed entries are to be returned. None is while a snapshot is to be stored: it precedes
  /// them.
  func hasNextCommittedEntries(allowUnstable: Bool) -> Bool {
    if applyingPaused || unstable.snapshot != nil { return false }
    return applying < maxAppliable(allowUnstable: allowUnstable)
  }

  /// Committed entries that were not returned yet, up to the apply limit.
  func nextCommittedEntries(allowUnstable: Bool) throws(RaftError) -> [Entry] {
    guard hasNextCommittedEntries(allowUnstable: allowUnstable) else { return [] }
    guard applyingSize < maxApplyingSize else {
      throw sink.abort(
        "applying entry size (\(maxApplyingSize)-\(applyingSize))=0 not positive")
    }
    let hi = maxAppliable(allowUnstable: allowUnstable) + 1
    let limit = maxApplyingSize == .max ? .max : maxApplyingSize - applyingSize
    do {
      return try slice(from: applying + 1, to: hi, maxSize: limit)
    } catch {
      if case .aborted = error { throw error }
      throw sink.abort("unexpected error when getting unapplied entries (\(error))")
    }
  }

  /// Records entries up to `index`, of `size` encoded bytes, as returned for application.
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

  /// Records entries up to `index`, of `size` encoded bytes, as applied.
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
