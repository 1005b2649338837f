import Raft
import RaftLog
import Runtime
import Testing

/// What is particular to `EtcdLogStore`: its files, damage to them, and what is removed.
struct EtcdLogStoreTests {
  private static let path = "/log"

  private static func open(
    _ files: FaultyFiles, readOnly: Bool = false
  ) throws(LogStoreError) -> EtcdLogStore {
    var options = EtcdLogStoreOptions()
    options.segmentBytes = 2 << 10
    options.readOnly = readOnly
    return try EtcdLogStore(path: path, files: files, options: options)
  }

  private static func write(
    _ store: EtcdLogStore, _ durability: Durability = .synced, _ fill: (inout LogBatch) -> Void
  ) throws {
    var batch = LogBatch()
    fill(&batch)
    _ = try store.write(batch, durability)
  }

  private static func segments(_ files: FaultyFiles, _ region: Int) -> [String] {
    files.paths.filter { $0.hasPrefix("\(path)/000000000000000\(region)/wal/") }
  }

  private static func end(_ bytes: [UInt8]) -> Int {
    (bytes.lastIndex { $0 != 0 } ?? 0) / 8 * 8 + 8
  }

  /// etcd's own reader, as this library has it, reads a region's WAL: it skips what was added.
  @Test func aRegionsWALIsOneOfEtcd() throws {
    let files = FaultyFiles()
    let store = try Self.open(files)
    try Self.write(store) {
      $0.append(1, run(1, 1...9))
      $0.setHardState(1, HardState(term: 1, vote: 3, commit: 5))
      $0.put(1, key: [1], value: [2])
      $0.append(1, run(2, 8...8))
    }
    try Self.write(store) { $0.compact(1, to: 4, term: 1) }
    let wal = Self.path + "/0000000000000001/wal"
    let contents = try EtcdWAL.read(wal, files)
    #expect(contents.entries == run(1, 1...7) + run(2, 8...8))
    #expect(contents.hardState == HardState(term: 1, vote: 3, commit: 5))
    #expect(contents.snapshots.map(\.index) == [0, 4])
    #expect(try EtcdWAL.read(wal, files, at: .init(index: 4, term: 1)).entries.count == 4)
  }

  /// A WAL that etcd has written is not taken for one of a region: its saves have no ends.
  @Test func aWALOfEtcdIsRefused() throws {
    let files = FaultyFiles()
    try Self.open(files).close()
    var wal = try EtcdWAL.create(Self.path + "/0000000000000001/wal", files, metadata: [])
    try wal.save(HardState(term: 1), run(1, 1...2))
    try wal.close()
    let before = files.copy()
    let store = try Self.open(files)
    #expect(store.damage(of: 1)?.contains("no log store") == true)
    #expect(store.regions() == [])
    try store.close()
    let name = Self.segments(files, 1)[0]
    #expect(files.bytes(of: name) == before.bytes(of: name))
  }

  @Test func k05_aZeroedRecordBelowADurableOneIsDamage() throws {
    let files = FaultyFiles()
    var store = try Self.open(files)
    var ends: [Int] = []
    for index: UInt64 in 1...6 {
      try Self.write(store) { $0.append(1, run(1, index...index)) }
      ends.append(Self.end(try #require(files.bytes(of: Self.segments(files, 1)[0]))))
    }
    try store.close()
    let name = Self.segments(files, 1)[0]
    let bytes = try #require(files.bytes(of: name))
    for save in [0, 2, 4] {
      for fault: UInt8 in [0, 0xff] {
        let damaged = files.copy()
        var wrong = bytes
        for place in ends[save]..<ends[save] + 24 { wrong[place] = fault == 0 ? 0 : ~wrong[place] }
        damaged.place(wrong, at: name)
        store = try Self.open(damaged)
        let damage = try #require(store.damage(of: 1), "save \(save + 2)")
        #expect(damage.contains("offset \(ends[save])"), "\(damage)")
        #expect(damaged.bytes(of: name) == wrong)
        expectInvalidOrDamaged { try Self.write(store) { $0.append(1, run(1, 7...7)) } }
        #expect(throws: LogStoreError.self) { try store.all(1) }
        // Other regions go on, and the damaged one can be replaced.
        try Self.write(store) { $0.append(2, run(1, 1...1)) }
        try Self.write(store) {
          $0.destroy(1)
          $0.append(1, run(5, 1...2))
        }
        #expect(store.damage(of: 1) == nil)
        try store.close()
        store = try Self.open(damaged)
        #expect(try store.all(1) == run(5, 1...2))
      }
    }
  }

  private func expectInvalidOrDamaged(_ body: () throws -> Void) {
    let error = #expect(throws: LogStoreError.self) { try body() }
    guard case .corrupted = error else {
      Issue.record("\(String(describing: error))")
      return
    }
  }

  /// The last save cut at every byte, and each of its sectors lost: it is there as a whole or not at all.
  @Test func k01k02_aTornEndIsDropped() throws {
    let files = FaultyFiles()
    let store = try Self.open(files)
    try Self.write(store) { $0.append(1, run(1, 1...3)) }
    let name = Self.segments(files, 1)[0]
    let start = Self.end(try #require(files.bytes(of: name)))
    try Self.write(store) {
      $0.append(1, run(2, 3...9))
      $0.setHardState(1, HardState(term: 2, vote: 1, commit: 2))
      $0.put(1, key: [1], value: [1])
    }
    let bytes = try #require(files.bytes(of: name))
    for cut in stride(from: start, to: Self.end(bytes), by: LongTests.areOn ? 1 : 5) {
      for padding in [0, bytes.count - cut] {
        let torn = FaultyFiles()
        torn.place([], at: Self.path + "/LOCK")
        torn.place(Array(bytes.prefix(cut)) + [UInt8](repeating: 0, count: padding), at: name)
        let reopened = try Self.open(torn)
        let isWhole = reopened.lastIndex(1) == 9
        #expect(try reopened.all(1) == (isWhole ? run(1, 1...2) + run(2, 3...9) : run(1, 1...3)))
        #expect(reopened.hardState(1).term == (isWhole ? 2 : 0))
        try Self.write(reopened) { $0.append(1, run(3, 3...4)) }
        try reopened.close()
        #expect(try Self.open(torn).all(1) == run(1, 1...2) + run(3, 3...4))
      }
    }
  }

  /// Any flipped byte in a log with several segments: found, or without effect, or a lost last save.
  @Test func k04_aFlippedByteIsFound() throws {
    let files = FaultyFiles()
    let store = try Self.open(files)
    for index: UInt64 in 1...12 {
      try Self.write(store) {
        $0.append(1, [Entry(term: 1, index: index, data: [UInt8](repeating: 5, count: 300))])
        $0.put(1, key: [UInt8(index)], value: [1])
      }
    }
    let whole = try store.all(1)
    try store.close()
    #expect(Self.segments(files, 1).count > 1)
    for name in Self.segments(files, 1) {
      let bytes = try #require(files.bytes(of: name))
      for place in stride(from: 0, to: Self.end(bytes), by: LongTests.areOn ? 1 : 83) {
        let damaged = files.copy()
        var wrong = bytes
        wrong[place] ^= 0x21
        damaged.place(wrong, at: name)
        let reopened = try Self.open(damaged)
        if let damage = reopened.damage(of: 1) {
          #expect(damage.contains(name) || damage.contains("/wal"), "\(damage)")
          continue
        }
        let found = try reopened.all(1)
        #expect(found == whole || found == Array(whole.dropLast()), "\(name) \(place)")
      }
    }
  }

  @Test func k06_missingSegmentsAreToldFromRemovedOnes() throws {
    let files = FaultyFiles()
    let store = try Self.open(files)
    let data = [UInt8](repeating: 5, count: 900)
    for index: UInt64 in 1...20 {
      try Self.write(store) { $0.append(1, [Entry(term: 1, index: index, data: data)]) }
    }
    let names = Self.segments(files, 1)
    #expect(names.count > 5)
    for missing in 0..<names.count - 1 {
      let damaged = files.copy()
      try damaged.remove(names[missing])
      let damage = try #require(try Self.open(damaged).damage(of: 1))
      #expect(damage.contains("entries 1 to"), "\(damage)")
    }
    let before = files.copy()
    try Self.write(store) { $0.compact(1, to: 15, term: 1) }
    try store.purge()
    let kept = Self.segments(files, 1)
    #expect(kept.count < names.count)
    let last = try #require(kept.last)
    // A crash has brought the first one back, and not the second.
    let left = files.copy()
    left.place(try #require(before.bytes(of: names[0])), at: names[0])
    let reopened = try Self.open(left)
    #expect(reopened.damage(of: 1) == nil)
    #expect(try reopened.all(1).map(\.index) == Array(16...20))
    try reopened.purge()
    #expect(Self.segments(left, 1).first != names[0])
    #expect(Self.segments(left, 1).last == last)
  }

  @Test func g01_segmentsGoWithTheirEntries() throws {
    let files = FaultyFiles()
    let store = try Self.open(files)
    let data = [UInt8](repeating: 5, count: 500)
    var most = 0
    for index: UInt64 in 1...200 {
      try Self.write(store, .buffered) {
        $0.append(1, [Entry(term: 1, index: index, data: data)])
        $0.setHardState(1, HardState(term: 1, vote: 1, commit: index))
        $0.put(1, key: [1], value: [UInt8(index)])
        if index > 10 { $0.compact(1, to: index - 10, term: 1) }
      }
      if index % 10 == 0 { try store.purge() }
      most = max(most, Self.segments(files, 1).count)
    }
    #expect(most < 10)
    let snapshots = files.paths.filter { $0.hasSuffix(".snap") }
    #expect(snapshots.count == 1)
    // What is left is a directory of etcd's: a snapshot, and the entries behind it.
    let (_, contents, _) = try EtcdNode.restart(Self.path + "/0000000000000001", files.copy())
    #expect(contents.start.index > 100)
    #expect(contents.entries.last?.index == 200)
    try store.close()
    let again = try Self.open(files)
    #expect(try again.all(1).map(\.index) == Array(191...200))
    #expect(try again.value(1, key: [1]) == [200])
  }

  @Test func g08_aHoldKeepsSegments() throws {
    let files = FaultyFiles()
    let store = try Self.open(files)
    let data = [UInt8](repeating: 5, count: 900)
    for index: UInt64 in 1...20 {
      try Self.write(store) { $0.append(1, [Entry(term: 1, index: index, data: data)]) }
    }
    let hold = store.hold(1, from: 5)
    try Self.write(store) { $0.compact(1, to: 15, term: 1) }
    try store.purge()
    let wal = Self.path + "/0000000000000001/wal"
    let kept = try EtcdWAL.read(wal, files, at: .init(index: 15, term: 1))
    #expect(kept.entries.count == 5)
    let held = Self.segments(files, 1).count
    store.release(hold)
    try store.purge()
    #expect(Self.segments(files, 1).count < held)
  }

  @Test func destroyedRegionsLeaveNothing() throws {
    let files = FaultyFiles()
    let store = try Self.open(files)
    for region: UInt64 in 1...3 {
      try Self.write(store) { $0.append(region, run(1, 1...100)) }
    }
    try Self.write(store) {
      $0.destroy(1)
      $0.destroy(2, tombstone: [7])
    }
    try store.purge()
    #expect(Self.segments(files, 1).isEmpty)
    #expect(Self.segments(files, 2).count == 1)
    try store.close()
    let again = try Self.open(files)
    #expect(try again.tombstone(2) == [7])
    #expect(again.regions() == [3])
    try Self.write(again) { $0.append(2, run(4, 1...1)) }
    try Self.write(again) { $0.append(1, run(4, 1...1)) }
    try again.close()
    #expect(try Self.open(files).all(2) == run(4, 1...1))
  }

  @Test func p07_readingOnlyChangesNothing() throws {
    let files = FaultyFiles()
    let store = try Self.open(files)
    try Self.write(store) { $0.append(1, run(1, 1...3)) }
    let calls = files.calls
    let reader = try Self.open(files, readOnly: true)
    #expect(try reader.all(1) == run(1, 1...3))
    #expect(throws: LogStoreError.self) { try Self.write(reader) { $0.append(1, run(1, 4...4)) } }
    try reader.close()
    #expect(files.calls == calls)
    #expect(throws: LogStoreError.self) { _ = try Self.open(FaultyFiles(), readOnly: true) }
  }

  @Test func aDamagedIdentityIsFound() throws {
    let files = FaultyFiles()
    let store = try Self.open(files)
    try store.bind(LogStoreIdentity(clusterID: 7, storeID: 3))
    try store.close()
    var bytes = try #require(files.bytes(of: Self.path + "/store"))
    for place in bytes.indices {
      bytes[place] ^= 1
      files.place(bytes, at: Self.path + "/store")
      #expect(throws: LogStoreError.self) { _ = try Self.open(files) }
      bytes[place] ^= 1
    }
    files.place(bytes, at: Self.path + "/store")
    #expect(try Self.open(files).identity() == LogStoreIdentity(clusterID: 7, storeID: 3))
  }
}
