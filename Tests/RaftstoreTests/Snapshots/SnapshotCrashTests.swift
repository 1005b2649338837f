import Codec
import Engine
import Runtime
import Testing

@testable import Raftstore

/// The process crashes at every call to the file system in turn, with and without the machine: what is
/// left is whole or gone after the next start.
struct SnapshotCrashTests {
  @Test(arguments: [false, true])
  func building(_ power: Bool) throws {
    let steps = try forEachStep { (fixture: SnapshotFixture) in
      try fixture.fill(20)
      return { _ = try fixture.manager.generate(fixture.request()) }
    } check: { fixture in
      try fixture.restart(losingPower: power)
      try expectWholeOrGone(fixture)
      let snapshot = try fixture.manager.generate(fixture.request())
      let source = try fixture.manager.beginSending(snapshot.key)
      while try !source.read(upTo: 1 << 20).isEmpty {}
      source.finish(succeeded: true)
      #expect(try fixture.names == [])
    }
    #expect(steps > 15)
  }

  @Test(arguments: [false, true])
  func receiving(_ power: Bool) throws {
    let sender = try SnapshotFixture(.memory)
    try sender.fill(20)
    let chunks = try sender.chunks(try sender.manager.generate(sender.request()), size: 300)
    let steps = try forEachStep { (fixture: SnapshotFixture) in
      { try fixture.receive(chunks) }
    } check: { fixture in
      try fixture.restart(losingPower: power)
      try expectWholeOrGone(fixture)
      try fixture.receive(chunks)
      _ = try fixture.manager.beginApplying(SnapshotFixture.key)
      fixture.manager.finishApplying(SnapshotFixture.key, for: 72, delete: true)
      #expect(try fixture.names == [])
    }
    #expect(steps > 15)
  }

  @Test(arguments: [false, true])
  func deleting(_ power: Bool) throws {
    let steps = try forEachStep { (fixture: SnapshotFixture) in
      try fixture.fill(20)
      let key = try fixture.manager.generate(fixture.request()).key
      return { try fixture.manager.delete(key, .generated) }
    } check: { fixture in
      try fixture.restart(losingPower: power)
      try expectWholeOrGone(fixture)
    }
    #expect(steps > 3)
  }

  /// Lets the action die after 0, 1, 2… calls until it gets through; tells how many that took.
  private func forEachStep(
    _ prepare: (SnapshotFixture) throws -> () throws -> Void,
    check: (SnapshotFixture) throws -> Void
  ) throws -> Int {
    for step in 0..<200 {
      let fixture = try SnapshotFixture(.memory)
      let action = try prepare(fixture)
      fixture.failOperations(after: step)
      do {
        try action()
      } catch is SnapshotError {
        #expect(fixture.hasFailed)
      }
      let isThrough = !fixture.hasFailed
      try check(fixture)
      if isThrough { return step }
    }
    Issue.record("the action never gets through")
    return 0
  }

  private func expectWholeOrGone(_ fixture: SnapshotFixture) throws {
    let names = try fixture.names
    #expect(!names.contains { $0.hasSuffix(".tmp") })
    #expect(fixture.manager.statistics.generating == 0)
    if names.isEmpty {
      #expect(fixture.manager.statistics.totalSize == 0)
      return
    }
    let prefix = try #require(names.first).hasPrefix("gen") ? "gen" : "rev"
    let whole = [".meta", "_default.sst", "_write.sst"].map { "\(prefix)_7_5_42\($0)" }
    #expect(names == whole)
    let meta = try SnapshotMeta(decoding: fixture.content(whole[0]))
    #expect(fixture.manager.statistics.totalSize == meta.totalSize)
    for file in meta.files where file.size > 0 {
      let content = try fixture.content("\(prefix)_7_5_42_\(file.cf).sst")
      #expect(CRC32.checksum(content) == file.checksum)
    }
  }

  @Test func startKeepsWhatIsWholeAndForeign() throws {
    let fixture = try SnapshotFixture(.memory)
    try fixture.fill(20)
    _ = try fixture.manager.generate(fixture.request())
    try fixture.put("notes.txt", [1])
    try fixture.put("gen_7_5_43_default.sst", [1, 2])  // no meta
    try fixture.put("gen_7_5_44_write.sst.tmp", [1, 2])
    try fixture.put("gen_7_5_45.meta", [0xff])  // unreadable
    var meta = SnapshotMeta(files: ["default", "lock", "write"].map { SnapshotFile(cf: $0) })
    meta.files[0].size = 9
    try fixture.put("rev_7_5_46.meta", meta.encoded())  // its file is missing
    try fixture.restart(losingPower: false)
    #expect(
      try fixture.names == [
        "gen_7_5_42.meta", "gen_7_5_42_default.sst", "gen_7_5_42_write.sst", "notes.txt",
        "rev_7_5_46.meta",
      ])
    #expect(throws: SnapshotError.self) {
      try fixture.manager.beginApplying(SnapshotKey(regionID: 7, term: 5, index: 46))
    }
    #expect(try fixture.manager.idle().map(\.key.index) == [42, 46])
  }
  /// Whatever has made them: they are neither removed nor in the way of the start.
  @Test func startIgnoresDirectoriesThatAreNamedLikeFiles() throws {
    let fixture = try SnapshotFixture(.rocks)
    try fixture.fill(20)
    _ = try fixture.manager.generate(fixture.request())
    let foreign = [
      "gen_7_5_43.meta", "gen_7_5_44_write.sst.tmp", "rev_7_5_45.meta", "rev_7_5_46_default.sst",
    ]
    for name in foreign {
      try fixture.files.createDirectory(fixture.directory + "/" + name + "/inner")
    }
    try fixture.restart(losingPower: false)
    let found = try fixture.names
    #expect(foreign.allSatisfy { found.contains($0) })
    #expect(try fixture.manager.open() == foreign.sorted { Self.order($0) < Self.order($1) })
    #expect(try fixture.manager.idle().map(\.key.index) == [42])
  }

  /// Temporary files are cleared before snapshots are taken up.
  private static func order(_ name: String) -> String {
    (name.hasSuffix(".tmp") ? "0" : "1") + name
  }
}
