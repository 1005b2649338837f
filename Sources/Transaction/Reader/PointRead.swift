package import Codec

/// A value that a read returns.
package struct ReadValue: Sendable, Hashable {
  package var value: [UInt8]
  /// Nil if the value was read from a lock: its transaction has committed, but the timestamp is not known.
  package var commitTS: Timestamp?

  package init(_ value: [UInt8], commitTS: Timestamp?) {
    self.value = value
    self.commitTS = commitTS
  }
}

extension MVCCReader {
  /// The value of one key as `options` sees it; nil if there is none.
  func read(_ key: MVCCKey, _ options: ReadOptions) throws(TransactionError) -> ReadValue? {
    if options.isolation != .readCommitted, let lock = try lock(key),
      try options.check(lock, on: key.user)
    {
      return try value(of: lock, encodedKey: key.encoded)
    }
    return try committedValue(key.encoded, try versionCursor(), options, keyOnly: false)
  }

  /// The value that a lock will commit; nil for a delete.
  func value(of lock: Lock, encodedKey: [UInt8]) throws(TransactionError) -> ReadValue? {
    guard lock.kind == .put else { return nil }
    return ReadValue(
      try value(lock.shortValue, startTS: lock.startTS, encodedKey: encodedKey), commitTS: nil)
  }

  /// The committed value of a key.
  ///
  /// - Parameter keyOnly: whether the value is left empty.
  func committedValue(
    _ encodedKey: [UInt8], _ versions: VersionCursor, _ options: ReadOptions, keyOnly: Bool
  ) throws(TransactionError) -> ReadValue? {
    if options.isolation == .readCommittedCheck {
      try checkNothingNewer(encodedKey, versions, options)
    }
    let put = try put(
      encodedKey, versions, at: options.timestamp, fence: options.timestamp)
    guard let (commitTS, record) = put?.found else { return nil }
    if keyOnly { return ReadValue([], commitTS: commitTS) }
    return ReadValue(
      try value(record.shortValue, startTS: record.startTS, encodedKey: encodedKey),
      commitTS: commitTS)
  }

  /// Throws if a put or delete is newer than the read.
  private func checkNothingNewer(
    _ encodedKey: [UInt8], _ versions: VersionCursor, _ options: ReadOptions
  ) throws(TransactionError) {
    var next = try versions.seek(encodedKey, .max)
    while let commitTS = next, commitTS > options.timestamp {
      let record = try versions.record()
      guard !record.kind.isData else {
        throw .writeConflict(
          WriteConflict(
            startTS: options.timestamp, conflictTS: record.startTS, conflictCommitTS: commitTS,
            key: try MVCCKey.userKey(encodedKey), reason: .readCommittedCheck))
      }
      next = try versions.descend(to: Timestamp(commitTS.value - 1))
    }
  }
}
