import Codec
import Engine
import Runtime
import TestSupport
import Testing

@testable import Raftstore

/// Split keys beside an oracle that looks at a sorted list of all entries, on both engines.
@Suite struct SplitScanTests {
  private struct Entry {
    var family: ColumnFamily
    var key: [UInt8]
    var value: [UInt8]

    var size: UInt64 { UInt64(key.count + value.count) }
  }

  private static func entries(_ random: inout SplitMix64) -> [Entry] {
    var found: [[UInt8]: Entry] = [:]
    for _ in 0..<Int.random(in: 0...400, using: &random) {
      let key = Array("k\(Int.random(in: 0..<5000, using: &random))".utf8)
      guard let family = ColumnFamily.data.randomElement(using: &random) else { continue }
      let size = Int.random(in: 0...(Bool.random(using: &random) ? 20 : 300), using: &random)
      found[key] = Entry(family: family, key: key, value: [UInt8](repeating: 1, count: size))
    }
    return found.values.sorted { precedes($0.key, $1.key) }
  }

  private static func engine(
    _ kind: String, _ entries: [Entry], _ directory: TemporaryDirectory
  ) throws -> any KVEngine {
    let engine: any KVEngine =
      kind == "rocks"
      ? try RocksEngine(path: directory.child("kv"))
      : try MemoryEngine(path: directory.child("kv"), files: SystemFileSystem())
    for (index, entry) in entries.enumerated() {
      var batch = WriteBatch()
      batch.put(entry.family, entry.key, entry.value)
      // Neighbors of the region, which must not count.
      if index % 10 == 0 { batch.put(.default, Array("j\(index)".utf8), [1, 2, 3]) }
      try engine.write(batch, .buffered)
      if index == entries.count / 2 { try engine.flush() }
    }
    return engine
  }

  /// Parts grow until the next entry would not fit; the last part may reach `max`.
  private static func oracle(
    _ amounts: [(key: [UInt8], amount: UInt64)], part: UInt64, max: UInt64
  ) -> [[UInt8]] {
    var cuts: [Int] = []
    while cuts.count < SplitConfig.maxKeysInStep {
      let start = cuts.last ?? 0
      let next = amounts.indices.first { index in
        index > start && amounts[start...index].reduce(0) { $0 + $1.amount } > part
      }
      guard let next else { break }
      cuts.append(next)
    }
    let rest = amounts[(cuts.last ?? 0)...].reduce(0) { $0 + $1.amount }
    if rest + part < max, !cuts.isEmpty { cuts.removeLast() }
    return cuts.map { amounts[$0].key }
  }

  private static let range = KeyRange(start: Array("k".utf8), end: Array("l".utf8))

  @Test(arguments: ["memory", "rocks"], 1...15 as ClosedRange<UInt64>)
  func findsTheKeysOfTheOracle(kind: String, seed: UInt64) throws {
    var random = SplitMix64(seed: seed)
    let directory = try TemporaryDirectory("split")
    let entries = Self.entries(&random)
    let engine = try Self.engine(kind, entries, directory)
    defer { try? engine.close() }
    let part = UInt64.random(in: 1...8000, using: &random)
    let keys = UInt64.random(in: 1...60, using: &random)
    // Also with limits that are the parts themselves.
    let isTight = seed % 3 == 0
    let limits = SplitLimits(
      size: part, maxSize: isTight ? part : part / 2 * 3, keys: keys,
      maxKeys: isTight ? keys : keys / 2 * 3)
    let rows = entries.filter { $0.family == .write }
    let bySize = Self.oracle(
      entries.map { ($0.key, $0.size) }, part: part, max: limits.maxSize)
    let byKeys = Self.oracle(rows.map { ($0.key, 1) }, part: keys, max: limits.maxKeys)
    let huge = RangeSize(bytes: .max, keys: .max)
    func scan(_ estimate: RangeSize) throws -> SplitScan {
      var scan = try SplitScan.forLimits(limits, estimate, of: Self.range, in: engine)
      let slice = UInt64.random(in: 1...5000, using: &random)
      while try !scan.visit(slice) {}
      return scan
    }
    let whole = RangeSize(
      bytes: entries.reduce(0) { $0 + $1.size }, keys: UInt64(rows.count))
    for (estimate, expected) in [
      (RangeSize(bytes: .max), bySize), (RangeSize(keys: .max), byKeys),
      (huge, bySize.isEmpty ? byKeys : bySize), (RangeSize(), []),
    ] {
      let scan = try scan(estimate)
      if estimate != huge { #expect(scan.splitKeys == expected) }
      if scan.isComplete { #expect(scan.visited == whole) }
    }
  }

  @Test(arguments: ["memory", "rocks"], 1...15 as ClosedRange<UInt64>)
  func theMiddleHasHalfOnEachSide(kind: String, seed: UInt64) throws {
    var random = SplitMix64(seed: seed)
    let directory = try TemporaryDirectory("split")
    let entries = Self.entries(&random)
    let engine = try Self.engine(kind, entries, directory)
    defer { try? engine.close() }
    var scan = try SplitScan.forMiddle(of: Self.range, in: engine)
    while try !scan.visit(700) {}
    guard entries.count > 1 else {
      #expect(scan.splitKeys.isEmpty)
      return
    }
    let key = try #require(scan.splitKeys.first)
    let before = entries.filter { precedes($0.key, key) }.reduce(0) { $0 + $1.size }
    let total = entries.reduce(0) { $0 + $1.size }
    let largest = entries.map(\.size).max() ?? 0
    #expect(before > 0 && before + largest >= total / 2 && before <= total / 2 + largest + 1)
  }

  /// Many entries: the marks are thinned, and the middle stays close.
  @Test func theMiddleIsFoundWithBoundedMemory() throws {
    var middle = MiddleKey()
    let count = 100_000
    for number in 0..<count {
      middle.add([UInt8(number >> 16), UInt8(number >> 8 & 0xFF), UInt8(number & 0xFF)], 100)
    }
    let key = try #require(middle.result)
    let place = Int(key[0]) << 16 | Int(key[1]) << 8 | Int(key[2])
    #expect(abs(place - count / 2) < count / 500)
  }

  /// What is in memtables only counts as much as what is in files.
  @Test(arguments: ["memory", "rocks"])
  func theEstimateCountsMemtables(kind: String) throws {
    let directory = try TemporaryDirectory("split")
    let engine = try Self.engine(kind, [], directory)
    defer { try? engine.close() }
    func put(_ family: ColumnFamily, _ numbers: Range<Int>) throws {
      for number in numbers {
        var batch = WriteBatch()
        var value = [UInt8](repeating: 0, count: 100)
        var random = SplitMix64(seed: UInt64(number))
        for index in value.indices { value[index] = UInt8.random(in: 0...255, using: &random) }
        batch.put(family, Array("k\(1000 + number)".utf8), value)
        try engine.write(batch, .buffered)
      }
    }
    func estimate(_ limit: UInt64 = .max) throws -> RangeSize {
      try RangeSize.estimate(of: Self.range, in: engine, limit: limit)
    }
    try put(.write, 0..<500)
    #expect(try estimate() == RangeSize(bytes: 500 * 105, keys: 500))
    try put(.lock, 0..<100)
    try put(.default, 0..<100)
    #expect(try estimate() == RangeSize(bytes: 700 * 105, keys: 500))
    try engine.flush()
    try put(.write, 500..<600)
    let mixed = try estimate()
    #expect(mixed.bytes > 600 * 105 && mixed.bytes < 1000 * 105)
    #expect((550...650).contains(mixed.keys))
    let none = KeyRange(start: Array("m".utf8), end: [])
    #expect(try RangeSize.estimate(of: none, in: engine, limit: .max).keys == 0)
  }
}
