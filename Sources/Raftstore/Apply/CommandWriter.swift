import Codec
import Engine
import Protobuf

/// Copies an entry's changes straight from the entry's bytes into a write batch, checking them against
/// the region as it is when they are applied.
struct CommandWriter: CommandVisitor {
  enum Outcome {
    case written
    /// Nothing of it may be kept: the batch must be rolled back to where it was.
    case refused(RegionError)
    case admin(Command)
  }

  private let region: Region
  /// The region takes no writes: a merge of it is prepared.
  private let isMerging: Bool
  private(set) var batch: WriteBatch
  private var header = CommandHeader()
  private var refusal: RegionError?
  private var command: AdminCommand?
  /// The changes of locks so far, in order; nil: they are not tracked.
  private(set) var lockChanges: [LockChange]?
  /// Ranges of values that were deleted at once.
  private(set) var deletedRanges: [KeyRange] = []

  init(
    region: Region, isMerging: Bool, batch: consuming WriteBatch, tracksLocks: Bool = false
  ) {
    self.region = region
    self.isMerging = isMerging
    self.batch = batch
    lockChanges = tracksLocks ? [] : nil
  }

  /// Reads one entry's payload.
  mutating func write(_ payload: [UInt8]) throws(CodecError) -> Outcome {
    try CommandCodec.visit(payload, &self)
    if let refusal { return .refused(refusal) }
    if let command { return .admin(Command(header: header, admin: command)) }
    return .written
  }

  mutating func begin(_ header: CommandHeader) -> Bool {
    self.header = header
    return true
  }

  mutating func put(_ cf: DataCF, _ key: RawSpan, _ value: RawSpan) {
    guard accepts(key) else { return }
    batch.put(cf.family, key, value)
    if cf == .lock { noteLock(key, LockRecord.startTS(ofWrite: value)) }
  }

  /// A lock that holds nothing back replaces one that did.
  private mutating func noteLock(_ key: RawSpan, _ startTS: UInt64?) {
    guard lockChanges != nil else { return }
    let key = [UInt8](key)
    lockChanges?.append(
      startTS.map { .locked(key: key, startTS: $0) } ?? .unlocked(key: key))
  }

  mutating func delete(_ cf: DataCF, _ key: RawSpan) {
    guard accepts(key) else { return }
    batch.delete(cf.family, key)
    if cf == .lock { noteLock(key, nil) }
  }

  mutating func deleteRange(
    _ cf: DataCF, from start: RawSpan, to end: RawSpan, notifyOnly: Bool
  ) {
    let range = KeyRange(start: [UInt8](start), end: [UInt8](end))
    guard currentEpoch() else { return }
    guard region.range.contains(range) else {
      refusal = refusal ?? notInRegion(range.start)
      return
    }
    if notifyOnly { return }
    if cf == .lock {
      lockChanges?.append(.unlockedRange(range))
    } else {
      deletedRanges.append(range)
    }
    if range.end.isEmpty {
      // No key is above every other, so an open end becomes the first key of no region's: see DataKeySpace.
      batch.deleteRange(cf.family, from: range.start, to: DataKeySpace.end)
    } else {
      batch.deleteRange(cf.family, from: range.start, to: range.end)
    }
  }

  mutating func admin(_ command: AdminCommand) {
    self.command = command
  }

  /// Whether a change may go in; notes why not.
  private mutating func accepts(_ key: RawSpan) -> Bool {
    guard currentEpoch() else { return false }
    if region.startKey.isEmpty && region.endKey.isEmpty { return true }
    let key = [UInt8](key)
    if region.contains(key) { return true }
    refusal = refusal ?? notInRegion(key)
    return false
  }

  /// A split or merge between proposing and applying moves keys to other regions; the version tells.
  private mutating func currentEpoch() -> Bool {
    if refusal != nil { return false }
    guard header.epoch.version == region.epoch.version else {
      refusal = .epochNotMatch(currentRegions: [region])
      return false
    }
    if isMerging { refusal = .proposalInMergingMode(regionID: region.id) }
    return !isMerging
  }

  private func notInRegion(_ key: [UInt8]) -> RegionError {
    .keyNotInRegion(
      key: key, regionID: region.id, start: region.startKey, end: region.endKey)
  }
}
