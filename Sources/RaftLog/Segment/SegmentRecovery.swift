import Runtime

/// Opens a segment log.
///
/// The newest file that begins with a complete snapshot of the state is the base. The state is that of the snapshot,
/// changed by the frames after it; older files say only where entries lie. Sealed files are read by their footers.
///
/// A frame that is damaged or missing is a write that a crash has cut off, unless a durable mark covers its LSN: marks
/// are in the frames after it and, as the first LSN, in the headers of later files. The last batches before a crash
/// may not be covered yet; `SegmentWriter.prove` keeps them few.
struct SegmentRecovery {
  /// What opening found.
  struct Outcome {
    var table: SegmentTable
    /// The file that new frames would follow; nil in a new log.
    var active: ActiveSegment?
    var nextLSN: UInt64 = 1
    var directory: SegmentDirectory
    var report: SegmentLogReport
    /// Sequence numbers of files that were read in part.
    var damagedFiles: [UInt64] = []
  }

  private typealias Scanned = (file: SegmentFile, result: FrameScanner.Result)

  private var directory: SegmentDirectory
  private var table = SegmentTable()
  private var report = SegmentLogReport()
  private var damagedFiles: [UInt64] = []
  /// Whether damage is survived.
  private let isSalvage: Bool
  /// Bytes of all files: more entries than these cannot exist.
  private var totalBytes: UInt64 = 0

  init(_ directory: SegmentDirectory) {
    self.directory = directory
    isSalvage = directory.options.mode == .salvage
  }

  /// - Parameter wasCreated: whether the lock file says that the log exists.
  mutating func run(wasCreated: Bool) throws(LogStoreError) -> Outcome {
    let (sequences, ignored) = try directory.load()
    report.ignoredFiles = ignored
    var newer: [Scanned] = []
    for sequence in sequences.reversed() {
      let file = try directory.open(sequence)
      totalBytes += try size(of: file)
      let scanned = try scan(file, before: newer.last?.file)
      guard let end = Self.snapshotEnd(scanned.frames) else {
        newer.append((file, scanned))
        continue
      }
      return try build((file, scanned), end, newer, sequences)
    }
    return try create(newer, wasCreated)
  }

  /// A new log, perhaps with files whose creation a crash has cut off.
  private mutating func create(
    _ partial: [Scanned], _ wasCreated: Bool
  ) throws(LogStoreError) -> Outcome {
    let first = partial.last
    if wasCreated || partial.contains(where: { $0.result.mark >= $0.file.header.firstLSN }) {
      throw .corrupted(
        location: first.map { "\($0.file.path), offset \($0.result.end)" } ?? directory.path,
        reason: "no file begins with a complete snapshot of the state, or all are missing; "
          + "restore the directory")
    }
    directory.stale = partial.map(\.file.sequence)
    return Outcome(table: table, directory: directory, report: report)
  }

  /// The frames of a file, up to the first LSN of the file after it.
  private mutating func scan(
    _ file: SegmentFile, before next: SegmentFile?, until: UInt64? = nil
  ) throws(LogStoreError) -> FrameScanner.Result {
    let isCut = try size(of: file) < file.header.minSize
    if isCut {
      let error = file.corrupted(
        try size(of: file), "the file is cut off; it had at least \(file.header.minSize) bytes")
      if !isSalvage { throw error }
      report.warnings.append("\(error)")
    }
    var scanner = try FrameScanner(file)
    let (sealed, defect) = try scanner.sealed()
    if let sealed { return sealed }
    let until = until ?? next.map { $0.header.firstLSN - 1 }
    var result = try scanner.scan(until: until, beyond: isSalvage)
    result.isCut = isCut
    if let defect {
      report.warnings.append("\(file.path): \(defect); its frames were read instead")
    }
    if let fault = result.fault, fault.isNewer, fault.lsn <= max(result.mark, until ?? 0) {
      throw .newerFormat(UInt64(SegmentFormat.version) + 1)
    }
    return result
  }

  /// How many frames at the start are a complete snapshot of the state; nil if there is none.
  private static func snapshotEnd(_ frames: [FrameRecord]) -> Int? {
    guard let first = frames.first, first.flags.contains(.groupBegin), first.group == first.lsn
    else { return nil }
    for (position, frame) in frames.enumerated() {
      guard frame.group == first.group else { return nil }
      if frame.flags.contains(.groupEnd) { return position + 1 }
    }
    return nil
  }

  // MARK: Building the state

  private mutating func build(
    _ base: Scanned, _ snapshotEnd: Int, _ newer: [Scanned], _ sequences: [UInt64]
  ) throws(LogStoreError) -> Outcome {
    let (file, found) = base
    if newer.isEmpty, found.isSealed {
      throw .corrupted(
        location: directory.path(SegmentDirectory.name(file.sequence + 1)),
        reason: "the file after \(file.path) is missing; restore it")
    }
    let damage = try judge(base, newer)
    var base = base
    // What lies behind the end of the log was not durable, and is no part of it.
    if damage == nil { base.result.beyond = [] }
    let result = base.result
    let place = { (frame: FrameRecord) throws(LogStoreError) in
      guard let place = FramePlace(sequence: file.sequence, offset: frame.offset) else {
        throw file.corrupted(frame.offset, "a frame lies too far")
      }
      return place
    }
    for frame in result.frames[..<snapshotEnd] {
      try apply(frame.items, at: place(frame), of: file, frame.offset)
    }
    try addFiles(base, snapshotEnd, sequences)
    for frame in result.frames[snapshotEnd...] {
      try apply(frame.items, at: place(frame), of: file, frame.offset)
    }
    if let damage { try salvage(base, damage) }
    let lost = newer.filter { $0.result.mark >= $0.file.header.firstLSN }
    for (file, _) in lost { fenceAll("\(file.path): the snapshot of the state is damaged") }
    try checkRegions(file)
    var outcome = Outcome(
      table: table, nextLSN: result.lastLSN + 1, directory: directory, report: report,
      damagedFiles: damagedFiles)
    for (_, result) in [base] + lost {
      outcome.nextLSN = max(outcome.nextLSN, (result.beyond.last?.lsn ?? result.lastLSN) + 1)
    }
    if damage == nil && lost.isEmpty {
      outcome.active = ActiveSegment(
        file: file, offset: result.end, last: result.last, firstChange: 0,
        directory: result.directory, isClosed: true, isSealed: result.isSealed)
    }
    outcome.directory.stale = sequences.filter { table.files[$0] == nil }
    return outcome
  }

  /// The fault of the base if it is damage; nil if it is the end of what was written.
  private func judge(
    _ base: Scanned, _ newer: [Scanned]
  ) throws(LogStoreError) -> FrameScanner.Fault? {
    for (file, result) in newer where result.mark >= file.header.firstLSN && !isSalvage {
      throw file.corrupted(result.end, "the snapshot of the state is damaged")
    }
    let (file, result) = base
    guard let fault = result.fault else { return nil }
    let durable = newer.reduce(result.mark) { max($0, $1.file.header.firstLSN - 1) }
    guard fault.lsn <= durable || result.isCut else { return nil }
    if !isSalvage { throw damaged(file, fault) }
    return fault
  }

  private func damaged(_ file: SegmentFile, _ fault: FrameScanner.Fault) -> LogStoreError {
    let regions = fault.items.map { Self.regions(of: $0) } ?? []
    let names =
      regions.isEmpty ? "" : ", of regions \(regions.map(String.init).joined(separator: ", "))"
    return file.corrupted(fault.offset, "LSN \(fault.lsn)\(names): \(fault.reason)")
  }

  private static func regions(of items: [SegmentItem]) -> [UInt64] {
    Set(items.compactMap(\.region)).sorted()
  }

  private mutating func apply(
    _ items: [SegmentItem], at place: FramePlace, of file: SegmentFile, _ offset: UInt64
  ) throws(LogStoreError) {
    for item in items {
      do throws(SegmentDefect) {
        if case .state(let state) = item { try checkSize(state) }
        try table.apply(item, at: place)
      } catch {
        guard isSalvage, let region = item.region else {
          throw file.corrupted(offset, error.reason)
        }
        fence(region, error.reason)
      }
    }
  }

  /// A snapshot must not claim more entries than the files can hold: each would cost memory.
  private func checkSize(_ state: RegionState) throws(SegmentDefect) {
    let count = state.runs.reduce(UInt64(0)) { $0.addingReportingOverflow($1.count).partialValue }
    guard count <= totalBytes else {
      throw SegmentDefect(
        "region \(state.region) has \(count) entries, more than the files can hold")
    }
  }

  // MARK: Older files

  /// Opens the files that the base's snapshot lists, and takes the places of entries from them.
  private mutating func addFiles(
    _ base: Scanned, _ snapshotEnd: Int, _ sequences: [UInt64]
  ) throws(LogStoreError) {
    let (file, result) = base
    var listed: [FileRecord] = []
    for frame in result.frames[..<snapshotEnd] {
      for case .files(let records) in frame.items { listed += records }
    }
    var dropped: Set<UInt64> = []
    for frame in result.frames[snapshotEnd...] + result.beyond[...] {
      for case .drop(let sequence) in frame.items { dropped.insert(sequence) }
    }
    let present = Set(sequences)
    var opened: [(SegmentFile, FileRecord)] = []
    for record in listed where !dropped.contains(record.sequence) {
      guard let older = try open(record, present, of: file) else { continue }
      totalBytes += try size(of: older)
      opened.append((older, record))
    }
    // All are known before the first place is: places count the bytes of their files.
    for (older, record) in opened {
      table.files[older.sequence] = SegmentTable.Usage(
        file: older, used: UInt64(SegmentFormat.headerSize), lastLSN: record.lastLSN)
    }
    table.files[file.sequence] = SegmentTable.Usage(
      file: file, used: result.end, lastLSN: result.lastLSN)
    for (older, record) in opened { try locate(older, record) }
  }

  /// Nil if the file is missing or another, and that is survived.
  private mutating func open(
    _ record: FileRecord, _ present: Set<UInt64>, of base: SegmentFile
  ) throws(LogStoreError) -> SegmentFile? {
    let path = directory.path(SegmentDirectory.name(record.sequence))
    guard record.sequence < base.sequence, present.contains(record.sequence) else {
      return try survive(.corrupted(location: path, reason: "the file is missing; restore it"))
    }
    let older: SegmentFile
    do throws(LogStoreError) {
      older = try directory.open(record.sequence)
    } catch {
      guard case .corrupted = error else { throw error }
      return try survive(error)
    }
    if let found = older.header.identity, let expected = base.header.identity ?? table.identity,
      found != expected
    {
      throw .foreignStore(expected: expected, found: found)
    }
    guard older.header.salt == record.salt, older.header.firstLSN == record.firstLSN else {
      return try survive(
        .corrupted(location: "\(path), offset 40", reason: "the file is of another log; restore it")
      )
    }
    return older
  }

  private mutating func survive(_ error: LogStoreError) throws(LogStoreError) -> SegmentFile? {
    guard isSalvage else { throw error }
    report.warnings.append("\(error)")
    return nil
  }

  private mutating func locate(
    _ file: SegmentFile, _ record: FileRecord
  ) throws(LogStoreError) {
    let result = try scan(file, before: nil, until: record.lastLSN)
    if let fault = result.fault {
      if !isSalvage { throw damaged(file, fault) }
      report.warnings.append("\(damaged(file, fault))")
      damagedFiles.append(file.sequence)
    }
    guard result.fault != nil || result.lastLSN == record.lastLSN else {
      throw file.corrupted(
        result.end, "the file ends at LSN \(result.lastLSN), not \(record.lastLSN)")
    }
    table.files[file.sequence]?.used = result.end
    for frame in result.frames + result.beyond {
      guard let place = FramePlace(sequence: file.sequence, offset: frame.offset) else {
        throw file.corrupted(frame.offset, "a frame lies too far")
      }
      for item in frame.items {
        switch item {
        case .append(let span), .move(let span): table.locate(span, place)
        default: break
        }
      }
    }
  }

  // MARK: Salvage

  private mutating func fence(_ region: UInt64, _ reason: String) {
    table.fence(region, "damaged: \(reason); replace this replica")
    report.fencedRegions.insert(region)
  }

  /// Survives a damaged frame in the base. Without its items any region may be touched.
  private mutating func salvage(
    _ base: Scanned, _ fault: FrameScanner.Fault
  ) throws(LogStoreError) {
    let (file, result) = base
    let error = damaged(file, fault)
    report.warnings.append("\(error)")
    damagedFiles.append(file.sequence)
    let gap = result.beyond.first.map { $0.lsn > fault.lsn + 1 } ?? false
    for frame in result.beyond {
      guard let place = FramePlace(sequence: file.sequence, offset: frame.offset) else { continue }
      try apply(frame.items, at: place, of: file, frame.offset)
    }
    if let items = fault.items, !gap {
      for region in Self.regions(of: items) { fence(region, "\(error)") }
    } else {
      fenceAll("\(error)")
    }
  }

  private mutating func fenceAll(_ reason: String) {
    table.unattributedDamage = "damaged: \(reason)"
    for region in table.regions.keys.sorted() { fence(region, reason) }
  }

  private mutating func checkRegions(_ file: SegmentFile) throws(LogStoreError) {
    for region in table.regions.keys.sorted() {
      guard let defect = table.defect(of: region) else { continue }
      guard isSalvage else {
        throw .corrupted(
          location: "\(directory.path), region \(region)",
          reason: "\(defect); restore the directory, or open it in salvage mode and replace the "
            + "replica")
      }
      fence(region, defect)
    }
    for (region, log) in table.regions where log.fence != nil {
      report.fencedRegions.insert(region)
    }
  }

  private func size(of file: SegmentFile) throws(LogStoreError) -> UInt64 {
    try directory.performing { () throws(FileSystemError) in try file.handle.size() }
  }
}

/// What opening a segment log found beside its contents.
package struct SegmentLogReport: Sendable, Equatable {
  /// Names in the directory that mean nothing to the log. They are left alone.
  package var ignoredFiles: [String] = []
  /// Damage that has lost nothing, or was survived in salvage mode.
  package var warnings: [String] = []
  /// Regions that can be neither read nor written.
  package var fencedRegions: Set<UInt64> = []
}

extension SegmentItem {
  /// The region that the change concerns; nil if it concerns the store.
  var region: UInt64? {
    switch self {
    case .append(let span), .move(let span): span.region
    case .compact(let region, _, _), .reset(let region, _, _, _), .hardState(let region, _),
      .put(let region, _, _), .delete(let region, _), .destroy(let region, _):
      region
    case .state(let state): state.region
    case .identity, .files, .drop: nil
    }
  }
}
