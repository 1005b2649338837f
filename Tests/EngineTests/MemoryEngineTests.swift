import Engine
import Runtime
import Testing

/// What the memory engine can do to those who build on it.
struct MemoryEngineTests {
  private func put(
    _ engine: MemoryEngine, _ key: UInt8, _ durability: Durability = .buffered
  ) throws {
    var batch = WriteBatch()
    batch.put(.default, [key], [key])
    try engine.write(batch, durability)
  }

  private func keys(_ engine: MemoryEngine) throws -> [UInt8] {
    try engine.scan(.default).map { $0.key[0] }
  }

  @Test func aCrashLosesASuffixOfUnsyncedWrites() throws {
    for kept in 0...4 {
      let engine = try MemoryEngine()
      try put(engine, 1)
      try put(engine, 2, .synced)
      for key: UInt8 in 3...5 { try put(engine, key) }
      #expect(engine.unsyncedWrites == 3)
      let survivor = engine.crash(keeping: kept)
      #expect(try keys(survivor) == Array(1...min(5, 2 + UInt8(kept))))
      #expect(throws: EngineError.self) { _ = try engine.get(.default, [1]) }
    }
  }

  @Test func syncFlushAndCloseKeepEverything() throws {
    let engine = try MemoryEngine()
    try put(engine, 1)
    try engine.sync()
    #expect(try keys(engine.crash()) == [1])
    let other = try MemoryEngine()
    try put(other, 1)
    try other.flush()
    #expect(try keys(other.crash()) == [1])
    let third = try MemoryEngine()
    try put(third, 1)
    try third.close()
    #expect(try keys(third.reopen()) == [1])
  }

  @Test func ingestionSurvivesTheLossOfEarlierWrites() throws {
    let engine = try MemoryEngine()
    try put(engine, 1)
    let writer = try engine.makeSSTWriter("a.sst", for: .default)
    try writer.put([2], [2])
    _ = try writer.finish()
    try engine.ingest([SSTFile(.default, path: "a.sst")])
    try put(engine, 3)
    #expect(try keys(engine.crash()) == [2])
  }

  @Test func aFailedWriteChangesNothingAndIsTheLast() throws {
    let engine = try MemoryEngine()
    engine.inject(.write, after: 1)
    try put(engine, 1)
    #expect(throws: EngineError.self) { try put(engine, 2) }
    #expect(throws: EngineError.self) { try put(engine, 3) }
    #expect(try keys(engine) == [1])
    #expect(engine.traffic.writes == 1)
  }

  @Test func aFailedBarrierLeavesDurabilityUnknown() throws {
    let engine = try MemoryEngine()
    engine.inject(.sync)
    let error = #expect(throws: EngineError.self) { try put(engine, 1, .synced) }
    #expect(error?.kind == .io)
    #expect(throws: EngineError.self) { try engine.sync() }
    #expect(try keys(engine) == [1])
    #expect(try keys(engine.crash()) == [])
  }

  @Test func manyKeysStayInOrderThroughSplitsAndRemovals() throws {
    var random = SplitMix64(seed: 7)
    let engine = try MemoryEngine()
    var expected: [[UInt8]: [UInt8]] = [:]
    for round in 0..<3000 {
      let key = [
        UInt8.random(in: 0...255, using: &random), UInt8.random(in: 0...7, using: &random),
      ]
      var batch = WriteBatch()
      if Int.random(in: 0..<3, using: &random) == 0 {
        batch.delete(.default, key)
        expected[key] = nil
      } else {
        let value = [UInt8(round & 0xff)]
        batch.put(.default, key, value)
        expected[key] = value
      }
      try engine.write(batch, .buffered)
    }
    let sorted = expected.map { KeyValue(key: $0.key, value: $0.value) }
      .sorted { $0.key.lexicographicallyPrecedes($1.key) }
    #expect(try engine.scan(.default) == sorted)
    let cursor = try engine.cursor(.default)
    cursor.seekToLast()
    var backwards: [[UInt8]] = []
    while cursor.isValid {
      backwards.append(cursor.key)
      cursor.prev()
    }
    #expect(backwards == sorted.map(\.key).reversed())
  }
}
