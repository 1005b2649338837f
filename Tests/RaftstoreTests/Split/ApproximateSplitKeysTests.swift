import Codec
import Engine
import Runtime
import TestSupport
import Testing

@testable import Raftstore

/// Split keys of regions that are not scanned.
@Suite struct ApproximateSplitKeysTests {
  private func key(_ number: Int) -> [UInt8] { Array("key-\(100_000 + number)".utf8) }

  private func fill(_ engine: any KVEngine, _ count: Int, valueBytes: Int) throws {
    var random = SplitMix64(seed: 1)
    for first in stride(from: 0, to: count, by: 100) {
      var batch = WriteBatch()
      for number in first..<min(count, first + 100) {
        // Compressed they would be too small to be divided.
        let value = (0..<valueBytes).map { _ in UInt8.random(in: 0...255, using: &random) }
        batch.put(number % 2 == 0 ? .default : .write, key(number), value)
      }
      try engine.write(batch, .buffered)
    }
    try engine.flush()
  }

  @Test func partsAreAboutEqual() throws {
    let directory = try TemporaryDirectory("approximate-split")
    let engine = try RocksEngine(path: directory.child("kv"))
    try fill(engine, 4000, valueBytes: 1000)
    let range = KeyRange(start: key(1000), end: key(3000))
    let keys = try ApproximateSplitKeys(of: range, in: engine).keys(3)
    #expect(keys.count == 3)
    for (found, wanted) in zip(keys, [1500, 2000, 2500]) {
      #expect(precedes(key(wanted - 80), found) && precedes(found, key(wanted + 80)))
      #expect(
        try engine.get(.default, found) != nil || engine.get(.write, found) != nil,
        "a split key is a key")
    }
  }

  @Test func aRangeWithoutBoundsIsDividedToo() throws {
    let engine = try MemoryEngine()
    try fill(engine, 1000, valueBytes: 100)
    let keys = try ApproximateSplitKeys(of: .all, in: engine).keys(9)
    #expect(keys.count == 9)
    for (index, found) in keys.enumerated() {
      let wanted = (index + 1) * 100
      #expect(precedes(key(wanted - 20), found) && precedes(found, key(wanted + 20)))
    }
  }

  @Test func whatCannotBeDividedIsNot() throws {
    let engine = try MemoryEngine()
    #expect(try ApproximateSplitKeys(of: .all, in: engine).keys(3).isEmpty)
    var batch = WriteBatch()
    batch.put(.default, key(5), [UInt8](repeating: 1, count: 10_000))
    try engine.write(batch, .buffered)
    let range = KeyRange(start: key(5), end: key(6))
    #expect(try ApproximateSplitKeys(of: range, in: engine).keys(3).isEmpty)
  }

  @Test func theNumberOfKeysIsTiKVs() {
    let limits = SplitLimits(size: 256, maxSize: 384, keys: 1, maxKeys: 1)
    #expect(ApproximateSplitKeys.count(for: 383, limits) == 0)
    #expect(ApproximateSplitKeys.count(for: 384, limits) == 1)
    #expect(ApproximateSplitKeys.count(for: 1024, limits) == 3)
    #expect(ApproximateSplitKeys.count(for: 1 << 40, limits) == 10)
  }

  @Test func theMiddleLiesBetween() {
    #expect(ApproximateSplitKeys.middle([], [2]) == [1])
    #expect(ApproximateSplitKeys.middle([1], [2]) == [1, 128])
    #expect(ApproximateSplitKeys.middle([255], [255, 1]) == [255, 0, 128])
    #expect(ApproximateSplitKeys.middle([255, 255], [255, 255, 1]) == [255, 255, 0, 128])
    var random = SplitMix64(seed: 3)
    for _ in 0..<1000 {
      func draw() -> [UInt8] {
        (0..<Int.random(in: 1...4, using: &random)).map { _ in
          UInt8.random(in: 1...255, using: &random)
        }
      }
      let pair = [draw(), draw()].sorted(by: precedes)
      guard pair[0] != pair[1] else { continue }
      let middle = ApproximateSplitKeys.middle(pair[0], pair[1])
      #expect(precedes(pair[0], middle) && precedes(middle, pair[1]))
    }
  }
}
