import Raft
import RaftLog
import Runtime

/// The measurements, each on a new log.
final class LogBench {
  struct Measure: Sendable {
    var title: String
    var run: @Sendable (LogBench, LogEngine) throws -> Void
  }

  static let measures = [
    Measure(title: "M-01 one synced batch with an entry of 1 KiB of each of so many regions") {
      try $0.shareBarriers($1)
    },
    Measure(title: "M-02 appends of a region: bytes an entry x entries a barrier") {
      try $0.append($1)
    },
    Measure(title: "M-03 bytes written to the disk per byte of data, logs compacted as they grow") {
      try $0.amplify($1)
    },
    Measure(title: "M-05 opening a log of 512 MiB: regions, after a close and after a kill") {
      try $0.recover($1)
    },
    Measure(title: "M-07 reading entries of 1 KiB: the newest, and all after a start") {
      try $0.read($1)
    },
    Measure(title: "M-08 memory of a million entries of 100 B") { try $0.remember($1) },
  ]

  private let files = SystemFileSystem()
  private let directory: String
  /// 1: as many calls as a figure needs; less: fewer.
  private let scale: Double
  private var opened = 0

  init(directory: String, scale: Double) throws {
    self.directory = directory
    self.scale = scale
    try files.removeTree(directory)
    try files.createDirectory(directory)
  }

  func end() throws { try files.removeTree(directory) }

  private func count(_ full: Int) -> Int { max(2, Int(Double(full) * scale)) }

  // MARK: Logs

  private func path(_ number: Int) -> String { "\(directory)/\(number)" }

  private func open(_ engine: LogEngine, _ number: Int) throws -> any RaftLogStore {
    var options = LogEngineOptions(files: files)
    options.seed = UInt64(number)
    return try engine.open(path(number), options).store
  }

  /// Runs `body` on a new log, which is removed afterwards.
  private func withLog(_ engine: LogEngine, _ body: (any RaftLogStore) throws -> Void) throws {
    opened += 1
    let store = try open(engine, opened)
    // So that no measurement allocates the first files.
    if scale == 1 { try store.purge() }
    try body(store)
    try store.close()
    try files.removeTree(path(opened))
  }

  private static let noise: [UInt8] = {
    var random = SplitMix64(seed: 1)
    return (0..<1 << 20).map { _ in UInt8(truncatingIfNeeded: random.next()) }
  }()

  /// Incompressible data.
  private static func entry(_ index: UInt64, _ bytes: Int) -> Entry {
    let start = Int(index &* 977 % UInt64(noise.count - bytes))
    return Entry(term: 1, index: index, data: Array(noise[start..<start + bytes]))
  }

  private func report(_ engine: LogEngine, _ what: String, _ figures: String) {
    let name = engine.rawValue + String(repeating: " ", count: max(0, 10 - engine.rawValue.count))
    print("  \(name) \(what): \(figures)")
  }

  // MARK: Measurements

  /// The disk alone: a barrier after 4 KiB that were written before, and at the end of a growing file.
  func measureDisk() throws {
    print("disk alone, 4 KiB and a barrier")
    let file = try files.openRandomAccess(path(0), create: true, readOnly: false)
    let page = [UInt8](repeating: 1, count: 4096)
    let calls = count(500)
    for number in 0..<calls { try file.write(page, at: UInt64(number) << 12) }
    try file.sync()
    var (over, growing) = (Latencies(), Latencies())
    for number in 0..<calls {
      try over.time {
        try file.write(page, at: UInt64(number) << 12)
        try file.sync()
      }
    }
    for number in calls..<2 * calls {
      try growing.time {
        try file.write(page, at: UInt64(number) << 12)
        try file.sync()
      }
    }
    print("  written over: \(over.text)\n  growing:      \(growing.text)")
    try files.remove(path(0))
  }

  func shareBarriers(_ engine: LogEngine) throws {
    for regions: UInt64 in [1, 8, 64, 512] {
      try withLog(engine) { store in
        var latencies = Latencies()
        for index in 1...UInt64(count(300)) {
          var batch = LogBatch()
          for region in 1...regions { batch.append(region, [Self.entry(index, 1024)]) }
          try latencies.time { _ = try store.write(batch, .synced) }
        }
        report(engine, "\(regions) regions", latencies.text)
      }
    }
  }

  func append(_ engine: LogEngine) throws {
    for bytes in [100, 1024, 64 << 10] {
      for group in [1, 10, 100] {
        try withLog(engine) { store in
          var latencies = Latencies()
          let groups = count(max(20, min(400, (64 << 20) / (bytes * group))))
          var index: UInt64 = 1
          for _ in 0..<groups {
            var batch = LogBatch()
            batch.append(1, (0..<UInt64(group)).map { Self.entry(index + $0, bytes) })
            index += UInt64(group)
            try latencies.time { _ = try store.write(batch, .synced) }
          }
          let rate = Double(groups * group) / (latencies.total / 1e9)
          report(engine, "\(bytes) B x \(group)", "\(Int(rate)) entries/s, \(latencies.text)")
        }
      }
    }
  }

  func amplify(_ engine: LogEngine) throws {
    for bytes in [128, 1024, 64 << 10] {
      try withLog(engine) { store in
        let before = try ProcessFigures.writtenBytes
        let perBatch = max(1, 16384 / bytes)
        let batches = count((256 << 20) / (perBatch * bytes))
        var index: UInt64 = 1
        for number in 1...batches {
          var batch = LogBatch()
          batch.append(1, (0..<UInt64(perBatch)).map { Self.entry(index + $0, bytes) })
          index += UInt64(perBatch)
          if number % 64 == 0, index > 2000 { batch.compact(1, to: index - 1500, term: 1) }
          _ = try store.write(batch, .synced)
          if number % 1024 == 0 { try store.purge() }
        }
        try store.sync()
        let written = try ProcessFigures.writtenBytes - before
        let ratio = Double(written) / Double(batches * perBatch * bytes)
        report(engine, "\(bytes) B", "\(Double(Int(ratio * 100)) / 100)")
      }
    }
  }

  func recover(_ engine: LogEngine) throws {
    for regions: UInt64 in [1, 1000] {
      opened += 1
      let number = opened
      try fill(try open(engine, number), regions)
      var closed = Latencies()
      try closed.time { try open(engine, number).close() }
      // As after a kill: the checkpoint is of a log that was not closed. A copy of the files would not do: RocksDB deletes
      // some of them meanwhile.
      let store = try open(engine, number)
      for region in 1...regions {
        var batch = LogBatch()
        batch.append(region, [Self.entry(store.lastIndex(region) + 1, 1024)])
        _ = try store.write(batch, .synced)
      }
      let copy = path(number) + "-killed"
      _ = try store.checkpoint(to: copy)
      try store.close()
      var killed = Latencies()
      try killed.time {
        try engine.open(copy, LogEngineOptions(files: files)).store.close()
      }
      report(
        engine, "\(regions) regions",
        "closed \(Int(closed.total / 1e6)) ms, killed \(Int(killed.total / 1e6)) ms")
      try files.removeTree(path(number))
      try files.removeTree(copy)
    }
  }

  private func fill(_ store: any RaftLogStore, _ regions: UInt64) throws {
    let batches = count(512)
    for number in 0..<batches {
      var batch = LogBatch()
      for slot in 0..<1024 {
        let region = 1 + UInt64(number * 1024 + slot) % regions
        let next = UInt64(number * 1024 + slot) / regions + 1
        batch.append(region, [Self.entry(next, 1024)])
      }
      _ = try store.write(batch, .buffered)
    }
    try store.close()
  }

  func read(_ engine: LogEngine) throws {
    opened += 1
    let number = opened
    let last = UInt64(count(200_000))
    var store = try open(engine, number)
    for start in stride(from: UInt64(1), through: last, by: 256) {
      var batch = LogBatch()
      batch.append(1, (start...min(start + 255, last)).map { Self.entry($0, 1024) })
      _ = try store.write(batch, .buffered)
    }
    var hot = Latencies()
    let newest = last - min(last, 1000) + 1
    for _ in 0..<count(200) {
      try hot.time { _ = try store.entries(1, from: newest, to: last + 1, maxBytes: .max) }
    }
    try store.close()
    store = try open(engine, number)
    var cold = Latencies()
    var next: UInt64 = 1
    while next <= last {
      try cold.time {
        let found = try store.entries(1, from: next, to: last + 1, maxBytes: 1 << 20)
        next += UInt64(found.count)
      }
    }
    let perEntry = hot.total / Double(count(200)) / Double(last - newest + 1)
    let rate = Double(last) * 1024 / 1e6 / (cold.total / 1e9)
    report(
      engine, "\(last) entries",
      "newest \(Int(perEntry)) ns an entry, after a start \(Int(rate)) MB/s")
    try store.close()
    try files.removeTree(path(number))
  }

  func remember(_ engine: LogEngine) throws {
    try withLog(engine) { store in
      let before = try ProcessFigures.residentBytes
      let last = UInt64(count(1_000_000))
      for start in stride(from: UInt64(1), through: last, by: 1000) {
        var batch = LogBatch()
        batch.append(1, (start...min(start + 999, last)).map { Self.entry($0, 100) })
        _ = try store.write(batch, .buffered)
      }
      let after = try ProcessFigures.residentBytes
      let bytes = (after - min(after, before)) >> 20
      report(engine, "\(last) entries", "\(bytes) MiB")
    }
  }
}
