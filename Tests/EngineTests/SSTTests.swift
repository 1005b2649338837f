import Engine
import Foundation
import Testing

struct SSTTests {
  @Test(arguments: EngineKind.allCases)
  func ingestedPairsReplaceStoredOnes(kind: EngineKind) throws {
    let fixture = try EngineFixture(kind)
    try fixture.put([("a", "old"), ("b", "old"), ("c", "old")])
    let file = try fixture.file("one.sst", [("b", "new"), ("d", "new")])
    let other = try fixture.file("two.sst", [("l", "locked")], for: .lock)
    do {
      let before = fixture.engine.snapshot()
      try fixture.engine.ingest([file, other])
      #expect(try before.dump() == ["a=old", "b=old", "c=old"])
    }
    #expect(try fixture.engine.dump() == ["a=old", "b=new", "c=old", "d=new"])
    #expect(try fixture.engine.dump(.lock) == ["l=locked"])
    #expect(!FileManager.default.fileExists(atPath: file.path))
    try fixture.reopen()
    #expect(try fixture.engine.text("d") == "new")
  }

  @Test(arguments: EngineKind.allCases)
  func ingestionByCopyKeepsTheFile(kind: EngineKind) throws {
    let fixture = try EngineFixture(kind)
    let file = try fixture.file("one.sst", [("b", "1")])
    let content = FileManager.default.contents(atPath: file.path)
    try fixture.engine.ingest([file], move: false)
    #expect(FileManager.default.contents(atPath: file.path) == content)
    var batch = WriteBatch()
    batch.delete(.default, Array("b".utf8))
    try fixture.engine.write(batch, .buffered)
    try fixture.engine.ingest([file], move: false)
    #expect(try fixture.engine.dump() == ["b=1"])
  }

  @Test(arguments: EngineKind.allCases)
  func aRangeIsReplacedByDeletingAndIngesting(kind: EngineKind) throws {
    let fixture = try EngineFixture(kind)
    try fixture.put((10..<90).map { ("k\($0)", "old") })
    try fixture.engine.flush()
    let file = try fixture.file("one.sst", [("k30", "new"), ("k31", "new")])
    let (from, to) = (Array("k20".utf8), Array("k80".utf8))
    try fixture.engine.deleteFilesInRange(.default, from: from, to: to)
    var batch = WriteBatch()
    batch.deleteRange(.default, from: from, to: to)
    try fixture.engine.write(batch, .synced)
    try fixture.engine.ingest([file])
    #expect(try fixture.engine.dump(from: "k20", to: "k80") == ["k30=new", "k31=new"])
    #expect(try fixture.engine.dump(from: "k0", to: "k20").count == 10)
    #expect(try fixture.engine.dump(from: "k80").count == 10)
  }

  @Test(arguments: EngineKind.allCases)
  func aFileReadsBack(kind: EngineKind) throws {
    let fixture = try EngineFixture(kind)
    let file = try fixture.file("one.sst", [("a", ""), ("b", "2")])
    do {
      let cursor = try fixture.engine.openSST(file.path)
      #expect(cursor.key == Array("a".utf8))
      #expect(cursor.value == [])
      cursor.next()
      #expect(cursor.value == Array("2".utf8))
      cursor.next()
      #expect(!cursor.isValid)
      try cursor.finish()
    }
    let names = try FileManager.default.contentsOfDirectory(atPath: fixture.directory).sorted()
    #expect(names.filter { $0.hasPrefix("one") } == ["one.sst"])
  }

  @Test(arguments: EngineKind.allCases)
  func writersRefuseUnsortedKeysEmptyFilesAndUseAfterFinish(kind: EngineKind) throws {
    let fixture = try EngineFixture(kind)
    let path = fixture.directory + "/bad.sst"
    do {
      let writer = try fixture.engine.makeSSTWriter(path, for: .default)
      try writer.put([2], [1])
      #expect(throws: EngineError.self) { try writer.put([2], [1]) }
      #expect(throws: EngineError.self) { try writer.put([1], [1]) }
      writer.abandon()
      #expect(throws: EngineError.self) { try writer.put([3], [1]) }
    }
    #expect(!FileManager.default.fileExists(atPath: path))
    do {
      let writer = try fixture.engine.makeSSTWriter(path, for: .default)
      #expect(throws: EngineError.self) { _ = try writer.finish() }
    }
    #expect(!FileManager.default.fileExists(atPath: path))
    let writer = try fixture.engine.makeSSTWriter(path, for: .default)
    try writer.put([1], [1])
    let size = try writer.finish()
    #expect(writer.count == 1)
    #expect(writer.fileSize == size)
    let attributes = try FileManager.default.attributesOfItem(atPath: path)
    #expect(attributes[.size] as? UInt64 == size)
    #expect(throws: EngineError.self) { _ = try writer.finish() }
  }

  @Test(arguments: EngineKind.allCases)
  func aDamagedFileIsRefused(kind: EngineKind) throws {
    let fixture = try EngineFixture(kind)
    try fixture.put([("a", "1")])
    let file = try fixture.file("one.sst", [("b", "1")])
    let url = URL(fileURLWithPath: file.path)
    let content = try Data(contentsOf: url)
    try content.prefix(content.count / 2).write(to: url)
    #expect(throws: EngineError.self) { try fixture.engine.ingest([file]) }
    let missing = SSTFile(.default, path: fixture.directory + "/none.sst")
    #expect(throws: EngineError.self) { try fixture.engine.ingest([missing]) }
    #expect(try fixture.engine.dump() == ["a=1"])
    try fixture.put([("a", "2")])
  }
}
