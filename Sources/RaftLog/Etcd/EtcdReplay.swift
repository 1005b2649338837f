import Protobuf
package import Raft

/// What a WAL holds from a snapshot on.
package struct EtcdContents: Sendable, Equatable {
  /// What the owner has stored with the WAL; of etcd, its node and cluster ids.
  package var metadata: [UInt8]
  /// The last that was saved.
  package var hardState: HardState
  /// Above the index of the snapshot, consecutive.
  package var entries: [Entry]
  /// The snapshot at which the WAL was read.
  package var start: EtcdSnapshotRecord
  /// All snapshot records that were read, in order.
  package var snapshots: [EtcdSnapshotRecord]

  package init(
    metadata: [UInt8] = [], hardState: HardState = HardState(), entries: [Entry] = [],
    start: EtcdSnapshotRecord = EtcdSnapshotRecord(), snapshots: [EtcdSnapshotRecord] = []
  ) {
    self.metadata = metadata
    self.hardState = hardState
    self.entries = entries
    self.start = start
    self.snapshots = snapshots
  }
}

/// Applies the records of a WAL in order.
///
/// The records describe a log that is truncated and replaced: what is read is the log at their end, also where a
/// replacement is at or below the snapshot from which the owner needs entries. (etcd itself filters first, and then
/// returns entries that were replaced.)
struct EtcdReplay {
  let start: EtcdSnapshotRecord
  private(set) var metadata: [UInt8]?
  private(set) var hardState = HardState()
  /// Consecutive.
  private var entries: [Entry] = []
  /// The last index of the log; nil before the first entry or snapshot.
  private var last: UInt64?
  private(set) var snapshots: [EtcdSnapshotRecord] = []
  private var hasStart = false

  init(from start: EtcdSnapshotRecord) {
    self.start = start
  }

  /// - Parameters:
  ///   - path: of the segment.
  ///   - offset: behind the record.
  mutating func apply(
    _ record: EtcdRecord, _ path: String, _ offset: UInt64
  ) throws(EtcdWALError) {
    let data = record.data ?? []
    func decoded<R: ProtoRecord>(_: R.Type) throws(EtcdWALError) -> R {
      do throws(CodecError) {
        return try R(decoding: data)
      } catch {
        throw .damaged(path: path, offset: offset, reason: "\(error)")
      }
    }
    switch record.kind {
    case EtcdRecord.crc: break
    case EtcdRecord.metadata:
      guard metadata == nil || metadata == data else {
        throw .metadataConflict(path: path, offset: offset)
      }
      metadata = data
    case EtcdRecord.entry:
      let entry = try decoded(Entry.self)
      guard append(entry) else {
        throw .outOfRange(
          path: path, offset: offset, index: entry.index,
          expected: max(last ?? 0, start.index) &+ 1)
      }
    case EtcdRecord.state: hardState = try decoded(HardState.self)
    case EtcdRecord.snapshot: try apply(try decoded(EtcdSnapshotRecord.self), path, offset)
    default: throw .unknownRecord(path: path, offset: offset, type: record.kind)
    }
  }

  /// False if the entry leaves a gap.
  private mutating func append(_ entry: Entry) -> Bool {
    guard entry.index > 0, entry.index < .max else { return false }
    // The segment may begin below the snapshot, in the middle of a log.
    if entry.index - 1 > max(last ?? entry.index - 1, start.index) { return false }
    if let first = entries.first?.index {
      if entry.index - 1 > last ?? 0 || entry.index < first {
        entries.removeAll()
      } else {
        entries.removeSubrange(Int(entry.index - first)...)
      }
    }
    entries.append(entry)
    last = entry.index
    return true
  }

  private mutating func apply(
    _ snapshot: EtcdSnapshotRecord, _ path: String, _ offset: UInt64
  ) throws(EtcdWALError) {
    if snapshot.index == start.index {
      guard snapshot.term == start.term else {
        throw .snapshotMismatch(path: path, offset: offset, index: snapshot.index)
      }
      hasStart = true
    }
    snapshots.append(snapshot)
    guard let last, snapshot.index > 0 else { return }
    var isOwn = snapshot.index <= last
    if isOwn, let first = entries.first?.index, snapshot.index >= first {
      isOwn = entries[Int(snapshot.index - first)].term == snapshot.term
    }
    // A snapshot of another node: it replaces the log.
    if !isOwn {
      entries.removeAll()
      self.last = snapshot.index
    }
  }

  func contents() throws(EtcdWALError) -> EtcdContents {
    guard hasStart else { throw .snapshotNotFound(index: start.index, term: start.term) }
    return partialContents
  }

  /// Whether or not the snapshot was found.
  var partialContents: EtcdContents {
    EtcdContents(
      metadata: metadata ?? [], hardState: hardState,
      entries: Array(entries.drop { $0.index <= start.index }), start: start, snapshots: snapshots)
  }

  /// What `EtcdWAL` calls the last index: that of the last entry, or of a later snapshot.
  var lastIndex: UInt64 { max(last ?? 0, snapshots.map(\.index).max() ?? 0) }
}
