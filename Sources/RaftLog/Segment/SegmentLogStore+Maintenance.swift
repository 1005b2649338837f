import Runtime
import Synchronization

extension SegmentLogStore {
  package func hold(_ region: UInt64, from index: UInt64) -> LogHold {
    table.withLock { $0.holds.hold(region, from: index) }
  }

  package func release(_ hold: LogHold) {
    table.withLock { $0.holds.release(hold) }
  }

  package func usedBytes() throws(LogStoreError) -> UInt64 {
    try writer.withLock { (writer) throws(LogStoreError) in
      if writer.isClosed { throw .closed }
      return usedBytes(writer)
    }
  }

  private func usedBytes(_ writer: SegmentWriter) -> UInt64 {
    table.withLock { table in
      table.files.values.reduce(0) { sum, usage in
        let active = writer.active.flatMap { $0.file === usage.file ? $0.offset : nil }
        return sum + (active ?? usage.used)
      }
    }
  }

  /// The ids of the master keys that files of the log need, ascending. Others may be retired.
  package var masterKeysInUse: [UInt64] {
    let ids = table.withLock { $0.files.values.map(\.file.header.masterKeyID) }
    return Set(ids).subtracting([0]).sorted()
  }

  // MARK: Garbage collection

  /// Also writes a mark that proves what is durable, frees files without entries, copies entries out of others while the
  /// files exceed the hard budget, and allocates spare files. So call it about once in ten seconds.
  @discardableResult
  package func purge() throws(LogStoreError) -> [LogPurgeAdvice] {
    try writer.withLock { (writer) throws(LogStoreError) in
      if writer.isClosed { throw .closed }
      guard options.mode != .readOnly else { return }
      try writer.check()
      table.withLock { table in
        for region in table.compactedRegions { table.removeCompacted(region) }
      }
      try dropUnused(&writer)
      try writer.prove(table)
      try writer.directory.prepareSpares()
    }
    try rewrite()
    return try advice()
  }

  private func advice() throws(LogStoreError) -> [LogPurgeAdvice] {
    guard try usedBytes() >= options.softBudgetBytes else { return [] }
    let all = table.withLock { table in
      table.regions.map { region, log in
        LogPurgeAdvice(
          region: region, compactTo: log.index.last,
          pinnedEntries: log.index.last - log.index.dummy.index)
      }
    }
    let sorted = all.filter { $0.pinnedEntries > 0 }
      .sorted { ($1.pinnedEntries, $0.region) < ($0.pinnedEntries, $1.region) }
    return Array(sorted.prefix(16))
  }

  /// Frees the files, but for the present one, that hold no entry any more.
  private func dropUnused(_ writer: inout SegmentWriter) throws(LogStoreError) {
    let present = writer.active?.file.sequence
    // The state is in the snapshot that the present file begins with; a file found at open has none after it yet.
    let unused = table.withLock { table in
      table.files.values.filter { $0.live == 0 && $0.file.sequence != present }
        .map(\.file.sequence).sorted()
    }
    guard !unused.isEmpty else { return }
    try drop(unused, &writer)
  }

  /// Says in the log that files are not needed, and recycles them once that is durable.
  private func drop(
    _ sequences: [UInt64], _ writer: inout SegmentWriter
  ) throws(LogStoreError) {
    let frame = PendingFrame(items: sequences.map { .drop(sequence: $0) })
    _ = try writer.append([frame], table, isUrgent: true)
    try writer.barrier()
    let files = table.withLock { table in
      sequences.compactMap { table.files.removeValue(forKey: $0)?.file }
    }
    for file in files { try writer.directory.recycle(file.sequence, isPinned: file.isPinned) }
  }

  /// Copies entries out of the files that gain the most per byte copied, while the files exceed the hard budget. Other
  /// writes come between the pieces. A file that cannot be read completely is left alone: whoever reads the damaged entry
  /// finds it.
  private func rewrite() throws(LogStoreError) {
    var left = options.rewriteBytesPerPurge
    while true {
      let victim: SegmentTable.Usage? = try writer.withLock { (writer) throws(LogStoreError) in
        try writer.check()
        guard usedBytes(writer) > options.hardBudgetBytes else { return nil }
        let present = writer.active?.file.sequence
        return table.withLock { table in
          table.files.values.filter {
            $0.file.sequence != present && !$0.isStuck && $0.live < $0.used / 10 * 9
          }.max { Self.order($0) < Self.order($1) }
        }
      }
      guard let victim, victim.live <= left else { return }
      left -= victim.live
      do throws(LogStoreError) {
        try evacuate(victim.file)
      } catch {
        guard case .corrupted = error else { throw error }
      }
      try writer.withLock { (writer) throws(LogStoreError) in
        try writer.check()
        try dropUnused(&writer)
      }
      // It still holds entries that cannot be moved.
      table.withLock { $0.files[victim.file.sequence]?.isStuck = true }
    }
  }

  /// Bytes freed per byte copied; of equals the oldest file.
  private static func order(_ usage: SegmentTable.Usage) -> (Double, UInt64) {
    let gain = Double(usage.used - min(usage.used, usage.live)) / Double(usage.live + 1)
    return (gain, .max - usage.file.sequence)
  }

  /// Copies all entries of a file to the end of the log. Which these may be, the file says: the index is not searched.
  private func evacuate(_ file: SegmentFile) throws(LogStoreError) {
    for (region, range) in try file.ranges() { try evacuate(file, region, range) }
  }

  private func evacuate(
    _ file: SegmentFile, _ region: UInt64, _ range: Range<UInt64>
  ) throws(LogStoreError) {
    var next = range.lowerBound
    while next < range.upperBound,
      let end = try evacuatePiece(file, region, next..<range.upperBound)
    {
      next = end
    }
  }

  private static let pieceBytes: UInt64 = 1 << 20

  /// Copies the first entries of a range that are in a file. Returns the index behind them; nil if there are none.
  private func evacuatePiece(
    _ file: SegmentFile, _ region: UInt64, _ range: Range<UInt64>
  ) throws(LogStoreError) -> UInt64? {
    try writer.withLock { (writer) throws(LogStoreError) in
      try writer.check()
      let piece = table.withLock { table in
        table.entries(
          of: region, range, in: UInt32(truncatingIfNeeded: file.sequence), Self.pieceBytes)
      }
      guard let piece else { return nil }
      var payload: [UInt8] = []
      for location in piece.locations {
        let bytes = try self.payload(FramePlace(location), of: file)
        let end = Int(location.offset) + Int(location.length)
        guard end <= bytes.count else {
          throw file.corrupted(location.frameOffset, "an entry lies outside of the payload")
        }
        payload += bytes[Int(location.offset)..<end]
      }
      let span = EntrySpan(
        region: region, first: piece.first, runs: piece.runs, offset: 0,
        lengths: piece.locations.map(\.length))
      var frame = PendingFrame(items: [.move(span)])
      frame.setPayload(payload, compressionThreshold: options.compressionThreshold)
      let items = frame.items
      let places = try writer.append([frame], table, isUrgent: true)
      publish([(items, places[0])])
      return span.end
    }
  }

  // MARK: Salvage

  /// Copies what can be read out of damaged files and drops them, so that the log opens without salvage again.
  func repair(_ damaged: [UInt64]) throws(LogStoreError) {
    guard !damaged.isEmpty || !report.fencedRegions.isEmpty else { return }
    try writer.withLock { (writer) throws(LogStoreError) in
      try writer.rotate(table, isUrgent: true)
    }
    for sequence in damaged {
      let (file, regions) = table.withLock { ($0.files[sequence]?.file, $0.regions(in: sequence)) }
      guard let file else { continue }
      for (region, range) in regions {
        do throws(LogStoreError) {
          try evacuate(file, region, range)
        } catch {
          guard case .corrupted = error else { throw error }
          table.withLock { $0.fence(region, "\(error)") }
        }
      }
    }
    try writer.withLock { (writer) throws(LogStoreError) in
      // With the fences, also those found only now.
      try writer.rotate(table, isUrgent: true)
      let present = table.withLock { table in damaged.filter { table.files[$0] != nil } }
      if !present.isEmpty { try drop(present, &writer) }
    }
  }
}

extension SegmentTable {
  /// The regions with entries in a file, with all indexes of their logs. Searches the whole index.
  func regions(in file: UInt64) -> [(region: UInt64, range: Range<UInt64>)] {
    regions.filter { $0.value.locations.all.contains { $0.file == file } }
      .map { ($0.key, $0.value.locations.first..<$0.value.locations.end) }.sorted { $0.0 < $1.0 }
  }

  /// The first consecutive entries of a range that lie in a file, about `maxBytes`; nil if there are none.
  func entries(
    of region: UInt64, _ range: Range<UInt64>, in file: UInt32, _ maxBytes: UInt64
  ) -> (first: UInt64, runs: [EntrySpan.Run], locations: [EntryLocation])? {
    guard let log = regions[region], log.fence == nil else { return nil }
    let low = max(range.lowerBound, log.locations.first)
    let high = min(range.upperBound, log.locations.end)
    guard low < high else { return nil }
    let slice = log.locations.slice(low..<high)
    guard let start = slice.firstIndex(where: { $0.file == file }) else { return nil }
    let first = low + UInt64(start - slice.startIndex)
    var bytes: UInt64 = 0
    let locations = slice[start...].prefix { location in
      defer { bytes += UInt64(location.length) }
      return location.file == file && (bytes == 0 || bytes + UInt64(location.length) <= maxBytes)
    }
    var runs: [EntrySpan.Run] = []
    for index in first..<first + UInt64(locations.count) {
      let term = log.index.knownTerm(at: index)
      if runs.last?.term == term {
        runs[runs.count - 1].count += 1
      } else {
        runs.append(EntrySpan.Run(term: term, count: 1))
      }
    }
    return (first, runs, Array(locations))
  }
}

extension RegionIndex {
  /// The term at an index; 0 where it is not known, below the truncated one.
  func knownTerm(at index: UInt64) -> UInt64 {
    do throws(LogStoreError) {
      return try term(at: index)
    } catch {
      return 0
    }
  }
}
