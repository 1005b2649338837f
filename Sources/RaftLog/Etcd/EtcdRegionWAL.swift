import Protobuf
import Raft
import Runtime

/// The WAL of one region and the numbers of its saves.
struct EtcdRegionWAL: Sendable {
  var wal: EtcdWAL
  /// The number of the last save.
  var save: UInt64
  /// The saves up to this one are durable; at most `save`.
  var durable: UInt64
  /// The last save whose durability a later record says.
  var proved: UInt64
  /// Whether the state was destroyed in the last segment, and older ones are not needed.
  var startsEmpty = false
  /// Whether segments that are not needed may be in the directory.
  var hasOrphans = false

  /// The records of one save, encoded.
  ///
  /// - Parameters:
  ///   - before: the hard state before the changes.
  ///   - last: the last index before them.
  func frames(
    _ changes: [EtcdPlan.Change], before: HardState
  ) -> (frames: EtcdFrames, state: HardState) {
    var frames = EtcdFrames(continuing: wal.crc)
    var state = before
    var items: [EtcdExtension.Item] = []
    func flush(_ items: inout [EtcdExtension.Item]) {
      guard !items.isEmpty else { return }
      var part = EtcdExtension()
      part.items = items
      frames.append(state, extra: part.encoded())
      items = []
    }
    for change in changes {
      switch change {
      case .append(let entries):
        flush(&items)
        for entry in entries { frames.append(entry) }
      case .compact(let index, let term):
        flush(&items)
        frames.append(
          EtcdSnapshotRecord(index: index, term: term, confState: ConfState()))
      case .reset(let index, let term, let newState):
        flush(&items)
        frames.append(
          EtcdSnapshotRecord(index: index, term: term, confState: ConfState()))
        items.append(.init(kind: .reset, index: index, term: term))
        state = newState
      case .hardState(let newState): state = newState
      case .put(let key, let value): items.append(.init(kind: .put, key: key, value: value))
      case .delete(let key): items.append(.init(kind: .delete, key: key))
      case .destroy(let tombstone):
        items.append(.init(kind: .destroy, value: tombstone ?? [], flag: tombstone != nil))
        state = HardState()
      }
    }
    var end = EtcdExtension()
    end.save = save + 1
    end.durable = durable
    end.items = items
    frames.append(state, extra: end.encoded())
    return (frames, state)
  }

  /// The extension at the head of a segment: the whole state but the entries.
  func head(_ region: EtcdRegion) -> [UInt8] {
    var head = EtcdExtension()
    head.save = save
    head.durable = save
    var base = EtcdExtension.Item(kind: .base)
    if let index = region.index {
      (base.index, base.term, base.last) = (index.dummy.index, index.dummy.term, index.last)
      base.flag = true
    }
    head.items = [base]
    for pair in region.log.pairs {
      head.items.append(.init(kind: .put, key: pair.key, value: pair.value))
    }
    if let tombstone = region.tombstone {
      head.items.append(.init(kind: .destroy, value: tombstone, flag: true))
    }
    return head.encoded()
  }

  /// Writes the saves that are durable into a record, so that damage to them is not taken for an incomplete end.
  mutating func prove() throws(EtcdWALError) {
    guard proved < durable else { return }
    var mark = EtcdExtension()
    mark.save = save + 1
    mark.durable = durable
    var frames = EtcdFrames(continuing: wal.crc)
    frames.append(wal.hardState, extra: mark.encoded())
    try wal.write(frames)
    save += 1
    proved = durable
  }

  mutating func sync() throws(EtcdWALError) {
    try wal.sync()
    durable = save
  }
}

/// Rebuilds the state of a region from the records of its WAL.
struct EtcdRegionReplay {
  private var exists = false
  private var log = MemoryRegionLog()
  /// The index of the first entry in `log`. Those between the truncated index and this one are in segments before the first
  /// one that was read, which is in order only if they are compacted in the end.
  private var firstRead: UInt64 = 1
  private var tombstone: [UInt8]?
  private(set) var save: UInt64 = 0
  private(set) var durable: UInt64 = 0
  private(set) var metadata: [UInt8] = []
  /// Whether a head was read: the state begins with it.
  private var hasHead = false

  private var last: UInt64 { firstRead + UInt64(log.entries.count) - 1 }
  var hardState: HardState { log.hardState }
  var lastIndex: UInt64 { max(last, log.dummyIndex) }

  /// Applies the records of one save, of which the last has an extension with its number. Returns a reason if they do not
  /// fit.
  mutating func apply(_ records: [EtcdRecord]) -> String? {
    for record in records {
      do throws(CodecError) {
        let data = record.data ?? []
        switch record.kind {
        case EtcdRecord.entry:
          if let reason = append(try Entry(decoding: data, strict: true)) { return reason }
        case EtcdRecord.snapshot:
          let snapshot = try EtcdSnapshotRecord(decoding: data, strict: true)
          guard snapshot.index < .max else { return "no entry can follow the snapshot" }
          if snapshot.index > log.dummyIndex { compact(snapshot.index, snapshot.term) }
        case EtcdRecord.state:
          if let extra = record.extra {
            try apply(try EtcdExtension(decoding: extra, strict: true))
          }
          log.hardState = try HardState(decoding: data, strict: true)
          if !log.hardState.isEmpty { revive() }
        case EtcdRecord.metadata: metadata = data
        case EtcdRecord.crc: break
        default: return "unknown record type \(record.kind)"
        }
      } catch {
        return "\(error)"
      }
    }
    return nil
  }

  private mutating func revive() {
    exists = true
    tombstone = nil
  }

  private mutating func append(_ entry: Entry) -> String? {
    guard entry.index > log.dummyIndex, entry.index <= last + 1, entry.index < .max else {
      return "entry \(entry.index) does not fit a log from \(log.dummyIndex + 1) to \(last)"
    }
    revive()
    if entry.index < firstRead {
      log.entries = [entry]
      firstRead = entry.index
    } else {
      log.entries.removeSubrange(Int(entry.index - firstRead)...)
      log.entries.append(entry)
    }
    return nil
  }

  private mutating func compact(_ index: UInt64, _ term: UInt64) {
    revive()
    if index > last {
      log.entries = []
      firstRead = index + 1
    } else if index >= firstRead {
      log.entries.removeFirst(Int(index - firstRead) + 1)
      firstRead = index + 1
    }
    (log.dummyIndex, log.dummyTerm) = (index, term)
  }

  private mutating func apply(_ part: EtcdExtension) throws(CodecError) {
    let isHead = part.items.first?.kind == .base
    if isHead, hasHead || exists || tombstone != nil {
      // The state at a later segment is known already.
      guard let base = part.items.first, base.index == log.dummyIndex, base.last == lastIndex
      else { throw CodecError(.malformed, "the state at the head of a segment") }
      return
    }
    // Saves are numbered without gaps, from that of the head on.
    let isNext = isHead ? part.save < .max / 2 : part.save == save + 1
    guard part.durable <= part.save, part.save == 0 || isNext else {
      throw CodecError(.malformed, "save \(part.save) after \(save)")
    }
    for item in part.items {
      switch item.kind {
      case .put:
        revive()
        log.put(item.key, item.value)
      case .delete: log.delete(item.key)
      case .destroy:
        log = MemoryRegionLog()
        (exists, firstRead) = (false, 1)
        tombstone = item.flag ? item.value : nil
      case .reset:
        guard item.index < .max else { throw CodecError(.malformed, "index of a reset") }
        revive()
        log.entries = []
        (log.dummyIndex, log.dummyTerm) = (item.index, item.term)
        firstRead = item.index + 1
      case .base:
        guard item.last >= item.index, item.last < .max else {
          throw CodecError(.malformed, "the state at the head of a segment")
        }
        hasHead = true
        exists = item.flag
        (log.dummyIndex, log.dummyTerm) = (item.index, item.term)
        firstRead = item.last + 1
      }
    }
    if part.save > 0 { (save, durable) = (part.save, max(durable, part.durable)) }
  }

  /// The state; a reason if it is not complete.
  func finish() -> Result<EtcdRegion, EtcdReplayDefect> {
    guard exists else { return .success(EtcdRegion(tombstone: tombstone)) }
    guard firstRead == log.dummyIndex + 1 else {
      return .failure(
        EtcdReplayDefect(reason: "entries \(log.dummyIndex + 1) to \(firstRead - 1) are missing"))
    }
    guard log.hardState.commit <= log.last else {
      return .failure(
        EtcdReplayDefect(
          reason: "commit \(log.hardState.commit) is beyond the last index \(log.last)"))
    }
    return .success(EtcdRegion(log))
  }
}

/// Why the records of a region are no log.
struct EtcdReplayDefect: Error {
  var reason: String
}
