import Raft
import Runtime

/// What the segments of one region say.
struct EtcdRegionScan {
  var region: EtcdRegion
  var replay: EtcdRegionReplay
  var names: [EtcdSegmentName]
  /// Behind the last complete save, in the last segment.
  var offset: UInt64
  var crc: UInt32
}

extension EtcdRegionWAL {
  /// How far behind an incomplete end a record is looked for that proves that it was durable, and so is damaged.
  private static let proofBytes = 256 << 10

  /// Reads the WAL of a region; nil if there is none. Throws if it is damaged.
  static func scan(_ directory: EtcdDirectory) throws(EtcdWALError) -> EtcdRegionScan? {
    var names = try directory.segments()
    // Segments before a gap were removed, and a crash has brought them back, or the ones in the gap are missed: then
    // entries are missing.
    let gap = names.indices.dropFirst().last {
      names[$0].sequence != names[$0 - 1].sequence &+ 1
    }
    if let gap { names.removeFirst(gap) }
    guard !names.isEmpty else { return nil }
    var replay = EtcdRegionReplay()
    var stream = try EtcdStream(directory, names)
    var pending: [EtcdRecord] = []
    var good = (offset: UInt64(0), crc: UInt32(0))
    while let record = try stream.next() {
      func damaged(_ reason: String) -> EtcdWALError {
        .damaged(path: stream.path, offset: stream.offset, reason: reason)
      }
      if record.kind == EtcdRecord.crc, !pending.isEmpty {
        throw damaged("a save ends with its segment")
      }
      pending.append(record)
      guard try ends(record, damaged) else { continue }
      if let reason = replay.apply(pending) { throw damaged(reason) }
      pending = []
      good = (stream.offset, stream.crc)
    }
    if let defect = stream.defect, !stream.isLast { throw defect }
    guard good.offset > 0, stream.isLast else {
      throw .damaged(path: stream.path, offset: 0, reason: "the head of the segment is incomplete")
    }
    try checkEnd(stream, replay)
    switch replay.finish() {
    case .failure(let defect):
      throw .damaged(path: directory.path, offset: 0, reason: defect.reason)
    case .success(let region):
      return EtcdRegionScan(
        region: region, replay: replay, names: names, offset: good.offset, crc: good.crc)
    }
  }

  /// Whether a record is the last of a save, or at a head, where each stands for itself.
  private static func ends(
    _ record: EtcdRecord, _ damaged: (String) -> EtcdWALError
  ) throws(EtcdWALError) -> Bool {
    switch record.kind {
    case EtcdRecord.crc, EtcdRecord.metadata: return true
    case EtcdRecord.snapshot: return record.data == EtcdSnapshotRecord().encoded()
    case EtcdRecord.state:
      guard let extra = record.extra, let part = EtcdExtension(bytes: extra) else {
        throw damaged("a state that no log store has written; read the WAL as one of etcd")
      }
      return part.save > 0 || part.items.first?.kind == .base
    default: return false
    }
  }

  /// An incomplete end is damage if a record behind it proves that saves in it were durable.
  private static func checkEnd(
    _ stream: EtcdStream, _ replay: EtcdRegionReplay
  ) throws(EtcdWALError) {
    var reader = stream.reader
    guard try reader.hasProof(within: proofBytes, { $0.durable > replay.save }) else { return }
    throw .damaged(
      path: stream.path, offset: stream.offset,
      reason: "save \(replay.save + 1) was durable and cannot be read")
  }

  /// Opens a WAL that was read for writing: cuts its incomplete end off, and makes the rest durable.
  init(
    opening scan: EtcdRegionScan, _ directory: EtcdDirectory, _ options: EtcdWAL.Options
  ) throws(EtcdWALError) {
    wal = EtcdWAL(
      directory: directory, options: options, metadata: scan.replay.metadata,
      segments: try EtcdWAL.lock(scan.names, directory, options), file: nil, offset: scan.offset,
      crc: scan.crc, hardState: scan.replay.hardState, lastIndex: scan.replay.lastIndex)
    save = scan.replay.save
    durable = scan.replay.save
    proved = scan.replay.durable
    hasOrphans = scan.names[0].sequence > 0
    try wal.clearTail()
    try wal.rest()
  }

  /// Creates the WAL of a region.
  init(
    creating directory: EtcdDirectory, region: UInt64, _ options: EtcdWAL.Options
  ) throws(EtcdWALError) {
    var metadata: [UInt8] = []
    metadata.appendVarint(region)
    wal = try EtcdWAL.create(
      directory.path, directory.system, metadata: metadata, options: options)
    (save, durable, proved) = (0, 0, 0)
  }
}
