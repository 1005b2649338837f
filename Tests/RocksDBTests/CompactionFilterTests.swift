import RocksDB
import Synchronization
import TestSupport
import Testing

/// Values that compactions leave out.
struct CompactionFilterTests {
  private let scratch: TemporaryDirectory

  init() throws {
    scratch = try TemporaryDirectory("rocksdb")
  }

  /// How often a filter was begun, and a threshold that a test moves.
  private final class Threshold: Sendable {
    private let state = Mutex((value: UInt8(0), begun: 0))
    func raise(to value: UInt8) { state.withLock { $0.value = value } }
    var begun: Int { state.withLock { $0.begun } }

    /// Leaves out values whose first byte is below the threshold at the begin of the compaction.
    var filter: CompactionFilter {
      CompactionFilter { [self] in
        let value = state.withLock { state in
          state.begun += 1
          return state.value
        }
        return { bytes in
          bytes.byteCount > 0 && bytes.unsafeLoad(fromByteOffset: 0, as: UInt8.self) < value
        }
      }
    }
  }

  private func open(_ filter: CompactionFilter?) throws -> DB {
    var options = FamilyOptions()
    options.compactionFilter = filter
    return try DB(
      path: scratch.child("db"), options: DBOptions(),
      families: [("default", FamilyOptions()), ("filtered", options)])
  }

  private func put(_ db: DB, _ family: Int, _ pairs: [(UInt8, [UInt8])]) throws {
    var batch = DBWriteBatch()
    for (key, value) in pairs { batch.put(db.families[family], [key], value) }
    try db.write(batch, sync: false)
    try db.flush(db.families)
  }

  @Test func compactionsLeaveOutWhatTheFilterSays() throws {
    let threshold = Threshold()
    let db = try open(threshold.filter)
    for family in 0...1 { try put(db, family, [(1, [1, 9]), (2, [2, 9]), (3, []), (4, [4])]) }
    threshold.raise(to: 3)
    #expect(try db.get(db.families[1], [1]) == [1, 9], "nothing goes before a compaction")
    for family in db.families { db.compactRange(family, from: nil, to: nil) }
    #expect(threshold.begun > 0)
    #expect(try (UInt8(1)...4).map { try db.get(db.families[1], [$0]) } == [nil, nil, [], [4]])
    #expect(try (UInt8(1)...2).map { try db.get(db.families[0], [$0]) } == [[1, 9], [2, 9]])
    threshold.raise(to: 5)
    db.compactRange(db.families[1], from: nil, to: nil)
    #expect(try db.get(db.families[1], [4]) == nil)
  }

  /// A value that is left out does not let an older one of its key come back.
  @Test func anOlderValueStaysHidden() throws {
    let threshold = Threshold()
    let db = try open(threshold.filter)
    try put(db, 1, [(1, [9])])
    db.compactRange(db.families[1], from: nil, to: nil)
    try put(db, 1, [(1, [1])])
    threshold.raise(to: 3)
    db.compactRange(db.families[1], from: nil, to: nil)
    #expect(try db.get(db.families[1], [1]) == nil)
  }

  /// The factory outlives the options it was made for, and a database opens without it again.
  @Test func aDatabaseOpensWithAndWithoutIt() throws {
    let threshold = Threshold()
    threshold.raise(to: 3)
    for round in UInt8(0)..<3 {
      do {
        let db = try open(round == 1 ? nil : threshold.filter)
        try put(db, 1, [(round, [1])])
        db.compactRange(db.families[1], from: nil, to: nil)
        #expect(try db.get(db.families[1], [round]) == (round == 1 ? [1] : nil))
      }
    }
  }
}
