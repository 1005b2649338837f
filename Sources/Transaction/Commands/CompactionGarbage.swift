package import Codec
import Protobuf

/// Decides in a compaction of the family `write` which records no read at or after the safe point sees. One for each
/// compaction; it sees the records in key order.
///
/// A compaction may see only some of a key's records, and what it drops leaves no tombstone. So it never drops a delete
/// record, which could hide older records elsewhere. At the bottommost level those that hide nothing are reported, to be
/// removed with `CollectGarbage`.
package struct CompactionGarbage: Sendable {
  /// What becomes of a record.
  package enum Decision: Sendable, Hashable {
    case keep
    case drop
    /// The value of the record is in the family `default` under this key and has to be deleted first.
    case dropWithValue([UInt8])
  }

  private let safePoint: Timestamp
  private let isBottommost: Bool
  /// The encoded key of the last record.
  private var key: [UInt8] = []
  /// Whether a put or delete of the key, at or before the safe point, hides what follows.
  private var isHidden = false
  /// Whether the newest record that counts is a delete that has hidden nothing so far.
  private var endsWithDelete = false
  /// After bytes that are no record everything is kept.
  private var hasFailed = false
  /// Encoded keys of which only a delete record is left.
  private var deleted: [[UInt8]] = []

  package init(safePoint: Timestamp, isBottommost: Bool) {
    self.safePoint = safePoint
    self.isBottommost = isBottommost
  }

  /// Decides about the next record.
  package mutating func decide(_ storedKey: [UInt8], _ value: RawSpan) -> Decision {
    guard !hasFailed else { return .keep }
    let count = storedKey.count - MVCCKey.timestampSize
    guard count > 0 else { return fail() }
    if storedKey.count != key.count + MVCCKey.timestampSize || !storedKey.starts(with: key) {
      finishKey()
      key = Array(storedKey[..<count])
    }
    guard Timestamp(~storedKey.bigEndian(at: count)) <= safePoint else { return .keep }
    let record: WriteRecord
    do throws(CodecError) { record = try WriteRecord(decoding: value) } catch { return fail() }
    endsWithDelete = false
    if isHidden {
      guard record.kind == .put, record.shortValue == nil else { return .drop }
      return .dropWithValue(MVCCKey.version(key, record.startTS))
    }
    switch record.kind {
    case .lock, .rollback: return .drop
    case .put: isHidden = true
    case .delete:
      isHidden = true
      endsWithDelete = isBottommost
    }
    return .keep
  }

  /// Takes the encoded keys of which only a delete record is left, so far.
  ///
  /// - Parameter atEnd: whether the compaction has no more records.
  package mutating func takeDeletedKeys(atEnd: Bool) -> [[UInt8]] {
    if atEnd { finishKey() }
    defer { deleted = [] }
    return deleted
  }

  private mutating func finishKey() {
    if endsWithDelete { deleted.append(key) }
    isHidden = false
    endsWithDelete = false
    key = []
  }

  private mutating func fail() -> Decision {
    hasFailed = true
    endsWithDelete = false
    return .keep
  }
}
