import Engine
import Runtime
import Testing

/// Random operations on both engines: what one responds, the other must respond.
struct EngineOracleTests {
  @Test(arguments: [UInt64(1), 2])
  func enginesAgree(seed: UInt64) throws {
    var random = SplitMix64(seed: seed)
    let rocks = try EngineFixture(.rocks)
    let memory = try EngineFixture(.memory)
    var snapshots: [(any KVSnapshot, any KVSnapshot)] = []
    for round in 1...400 {
      switch Int.random(in: 0..<20, using: &random) {
      case 0:
        try rocks.engine.flush()
      case 1:
        let family = ColumnFamily.data[Int.random(in: 0..<3, using: &random)]
        let pairs = Set((0..<5).map { _ in key(&random) }).map { ($0, "s\(round)") }
          .sorted { $0.0 < $1.0 }
        for fixture in [rocks, memory] {
          try fixture.engine.ingest([fixture.file("\(round).sst", pairs, for: family)])
        }
      case 2:
        if snapshots.count > 3 { snapshots.removeFirst() }
        snapshots.append((rocks.engine.snapshot(), memory.engine.snapshot()))
      case 3 where round % 4 == 0:
        snapshots = []
        try rocks.reopen()
        try memory.reopen()
      default:
        let batch = batch(&random, round)
        let durability: Durability = round % 10 == 0 ? .synced : .buffered
        try rocks.engine.write(batch, durability)
        try memory.engine.write(batch, durability)
      }
      try compare(rocks.engine, memory.engine, &random, "round \(round)")
      if let (left, right) = snapshots.first { try compare(left, right, &random, "\(round)") }
    }
  }

  private func key(_ random: inout SplitMix64) -> String {
    let length = Int.random(in: 0...3, using: &random)
    return String((0..<length).map { _ in "abcd".randomElement(using: &random) ?? "a" })
  }

  private func batch(_ random: inout SplitMix64, _ round: Int) -> WriteBatch {
    var batch = WriteBatch()
    for operation in 0..<Int.random(in: 1...8, using: &random) {
      let family = ColumnFamily.allCases[Int.random(in: 0..<4, using: &random)]
      let key = Array(key(&random).utf8)
      switch Int.random(in: 0..<10, using: &random) {
      case 0: batch.deleteRange(family, from: key, to: Array(self.key(&random).utf8))
      case 1...3: batch.delete(family, key)
      default: batch.put(family, key, Array("\(round)/\(operation)".utf8))
      }
    }
    return batch
  }

  private func compare(
    _ left: any KVReader, _ right: any KVReader, _ random: inout SplitMix64, _ comment: Comment
  ) throws {
    for family in ColumnFamily.allCases {
      let lower = Bool.random(using: &random) ? Array(key(&random).utf8) : nil
      let upper = Bool.random(using: &random) ? Array(key(&random).utf8) : nil
      #expect(
        try left.scan(family, from: lower, to: upper)
          == right.scan(family, from: lower, to: upper), comment)
      let keys = (0..<4).map { _ in Array(key(&random).utf8) }
      #expect(try left.multiGet(family, keys) == right.multiGet(family, keys), comment)
      #expect(try left.get(family, keys[0]) == right.get(family, keys[0]), comment)
      #expect(
        try walk(left, family, lower, upper, keys) == walk(right, family, lower, upper, keys),
        comment)
    }
  }

  /// The positions of a cursor after each of some moves.
  private func walk(
    _ reader: any KVReader, _ family: ColumnFamily, _ lower: [UInt8]?, _ upper: [UInt8]?,
    _ keys: [[UInt8]]
  ) throws -> [[UInt8]] {
    let cursor = try reader.cursor(family, from: lower, to: upper)
    var places: [[UInt8]] = []
    func look() { places.append(cursor.isValid ? [1] + cursor.key + cursor.value : []) }
    cursor.seekToLast()
    look()
    for key in keys {
      cursor.seek(key)
      look()
      if cursor.isValid { cursor.prev() }
      look()
      cursor.seekForPrev(key)
      look()
      if cursor.isValid { cursor.next() }
      look()
    }
    try cursor.finish()
    return places
  }
}
